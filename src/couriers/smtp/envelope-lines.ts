/** MAIL and RCPT as sent to a next hop, with the parameters that it supports. RFC 1870, RFC 6152. */
import type { Mailbox } from "../../mail/address.ts";
import type { Envelope } from "../../mail/courier.ts";

/** MAIL FROM. @param features EHLO keywords of the hop in capitals */
export function mailLine({ sender, size, eightBit }: Envelope, features: ReadonlyMap<string, string>): string {
  const parameters = [
    size > 0 && features.has("SIZE") ? ` SIZE=${size}` : "",
    // A hop without 8BITMIME is given the eighth bit anyway: refusing would lose mail that it can take.
    eightBit && features.has("8BITMIME") ? " BODY=8BITMIME" : "",
  ];
  return `MAIL FROM:<${sender?.raw ?? ""}>${parameters.join("")}`;
}

/** RCPT TO. */
export function rcptLine(mailbox: Mailbox): string {
  return `RCPT TO:<${mailbox.raw}>`;
}
