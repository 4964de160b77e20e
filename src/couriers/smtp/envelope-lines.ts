/** MAIL and RCPT as sent to a next hop, with the parameters that it supports. RFC 1870, RFC 3461, RFC 6152. */
import type { Mailbox } from "../../mail/address.ts";
import type { Envelope } from "../../mail/courier.ts";

/** MAIL FROM. @param features EHLO keywords of the hop in capitals */
export function mailLine(
  { sender, size, eightBit, dsn = "" }: Envelope,
  features: ReadonlyMap<string, string>,
): string {
  const parameters = [
    size > 0 && features.has("SIZE") ? ` SIZE=${size}` : "",
    // A hop without 8BITMIME is given the eighth bit anyway: refusing would lose mail that it can take.
    eightBit && features.has("8BITMIME") ? " BODY=8BITMIME" : "",
    features.has("DSN") ? dsn : "",
  ];
  return `MAIL FROM:<${sender?.raw ?? ""}>${parameters.join("")}`;
}

/** NOTIFY and ORCPT of recipients that have some, by address. */
export type DsnWords = Map<string, string>;

/** Notes those of a recipient; nothing is made for one that has none. */
export function withDsn(words: DsnWords | undefined, { raw }: Mailbox, dsn: string): DsnWords | undefined {
  return dsn === "" ? words : (words ?? new Map<string, string>()).set(raw, dsn);
}

/** RCPT TO. */
export function rcptLine({ raw }: Mailbox, features: ReadonlyMap<string, string>, words?: DsnWords): string {
  return `RCPT TO:<${raw}>${words !== undefined && features.has("DSN") ? (words.get(raw) ?? "") : ""}`;
}
