/** MAIL and RCPT as sent to a next hop, with the parameters that it supports. RFC 1870, RFC 3461, RFC 6152, RFC 6531. */
import { asciiForm } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Envelope } from "../../mail/courier.ts";
import { octetsOf } from "../../mail/octets.ts";
import type { Reply } from "../../mail/reply.ts";
import { notUtf8, noUtf8Now } from "./fitting.ts";

/** MAIL FROM, or the refusal of a message that this hop cannot have. @param features EHLO keywords of the hop in capitals */
export function mailLine(envelope: Envelope, features: ReadonlyMap<string, string>): string | Reply {
  const { sender, size, eightBit, dsn = "", utf8 = false } = envelope;
  const path = sender === undefined ? "" : pathOf(sender, utf8);
  if (utf8 && !features.has("SMTPUTF8")) {
    return noUtf8Now;
  }
  if (path === undefined) {
    return notUtf8;
  }
  const parameters = [
    size > 0 && features.has("SIZE") ? ` SIZE=${size}` : "",
    // A hop without 8BITMIME is given the eighth bit anyway: refusing would lose mail that it can take.
    eightBit && features.has("8BITMIME") ? " BODY=8BITMIME" : "",
    utf8 ? " SMTPUTF8" : "",
    features.has("DSN") ? octetsOf(dsn) : "",
  ];
  return `MAIL FROM:<${path}>${parameters.join("")}`;
}

/** An address as this message may have it, one character an octet; undefined: it may not. */
function pathOf(mailbox: Mailbox, utf8: boolean): string | undefined {
  return utf8 ? octetsOf(mailbox.raw) : asciiForm(mailbox);
}

/** Whether a message may have these recipients: one without SMTPUTF8 has no address in UTF-8. */
export function mayHave({ utf8 = false }: Envelope, ...mailboxes: readonly Mailbox[]): boolean {
  return utf8 || mailboxes.every((mailbox) => asciiForm(mailbox) !== undefined);
}

/** NOTIFY and ORCPT of recipients that have some, by address. */
export type DsnWords = Map<string, string>;

/** Notes those of a recipient; nothing is made for one that has none. */
export function withDsn(words: DsnWords | undefined, { raw }: Mailbox, dsn: string): DsnWords | undefined {
  return dsn === "" ? words : (words ?? new Map<string, string>()).set(raw, dsn);
}

/** RCPT TO, of a recipient that the message may have. */
export function rcptLine(
  mailbox: Mailbox,
  { utf8 = false }: Envelope,
  features: ReadonlyMap<string, string> | undefined,
  words?: DsnWords,
): string {
  const dsn = words !== undefined && features?.has("DSN") === true ? octetsOf(words.get(mailbox.raw) ?? "") : "";
  return `RCPT TO:<${pathOf(mailbox, utf8) ?? ""}>${dsn}`;
}
