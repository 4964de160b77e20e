/** An address as other mail servers write it in a question, read by the relay's own parser of RCPT. */
import { randomBytes } from "node:crypto";

import { normalDomain, parseSender } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { nothingOffered } from "../mail/courier.ts";
import type { Offered } from "../mail/courier.ts";
import { textOf } from "../mail/octets.ts";
import type { Reply } from "../mail/reply.ts";
import { isCatchAll } from "../mail/wildcards.ts";
import { parseRcpt } from "../smtp/session/command.ts";
import { serverName } from "../smtp/decision.ts";
import type { LookupService, Sender, LookupVerdict } from "./verdict.ts";

/** What of a service the reading depends on. */
type Reading = Pick<LookupService, "idn" | "readsUtf8">;

const utf8Offered: Offered = { dsn: false, smtputf8: true };

const atoms = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/;

/**
 * An address whose user part has no quotes, as Postfix passes it inside: `nie mand0@kontor.example` is one address.
 * @param text as it came, one character an octet
 * @returns the address with the quotes that SMTP wants
 */
function quoted(text: string): string {
  const at = text.lastIndexOf("@");
  const user = at < 0 ? text : text.slice(0, at);
  const rest = at < 0 ? "" : text.slice(at);
  // An octet beyond ASCII is refused as what it is, not for want of quotes.
  return atoms.test(user) || /[^\x20-\x7e]/.test(user) ? text : `"${user.replace(/["\\]/g, "\\$&")}"${rest}`;
}

/** Reads an address that came without quotes. @returns the relay's refusal of what is none */
export function readUnquoted(text: string, service: Reading): Mailbox | Reply {
  return readQuoted(quoted(text), service);
}

/** Reads an address as it is in RCPT, without brackets. @returns the relay's refusal of what is none */
export function readQuoted(text: string, { idn, readsUtf8 }: Reading): Mailbox | Reply {
  const offered = readsUtf8() ? utf8Offered : nothingOffered;
  return parseRcpt(`TO:<${text}>`, { lenient: false, utf8: idn === "all", offered, isUtf8: true });
}

/**
 * Reads an address that came in either form; one that can be read with its quotes is. Mail servers take a source route
 * away before they ask: what looks like one is a user part that begins with an @, without its quotes.
 */
export function readEither(text: string, service: Reading): Mailbox | Reply {
  // "@domain" is no address with an empty user part, which would have its quotes.
  if (text.startsWith("@")) {
    return text.includes("@", 1) ? readUnquoted(text, service) : readQuoted("@", service);
  }
  const mailbox = readQuoted(text, service);
  return isReply(mailbox) ? readUnquoted(text, service) : mailbox;
}

/** Reads an address as qpsmtpd asks for it, without the quotes; an empty user part has none, and nobody asks for a domain. */
export function readBare(text: string, service: Reading): Mailbox | Reply {
  return text.startsWith("@") ? readUnquoted(text, service) : readEither(text, service);
}

/** Whether it is a refusal. */
export function isReply(read: Mailbox | Reply): read is Reply {
  return "wire" in read;
}

const notAddress = "not an address";
const refusal = { by: { check: serverName, reason: notAddress }, session: "", ref: "", ms: undefined };

/** The verdict on a text that is no address: the relay's refusal in its own domains, and else nobody's business. */
export function unreadable(text: string, reply: Reply, { domains }: Pick<LookupService, "domains">): LookupVerdict {
  const at = text.lastIndexOf("@");
  const written = text.slice(at + 1);
  const domain = normalDomain(written) ?? "";
  // A name without a domain is one of ours, and so is one with an @ in its quotes: mail servers put their own domain on.
  const isName = at < 0 || written === "" || text.endsWith('"') || (at === 0 && domain === "");
  const isOwn = isName ? text !== "" : domains.canonical(domain) !== undefined;
  return { kind: isOwn ? "refused" : "foreign", reply, reason: notAddress, refusal };
}

/** Reads a sender that came without quotes, "" for the null sender; undefined: it is none that the relay could read. */
export function readSender(text: string): Sender | undefined {
  if (text === "") {
    return { mailbox: undefined };
  }
  const written = textOf(text);
  const mailbox = written === undefined ? undefined : parseSender(quoted(written));
  return mailbox === undefined ? undefined : { mailbox };
}

/** The domain of the key `@domain`, which stands for everybody there; undefined: it is another key. */
export function wholeDomain(text: string): string | undefined {
  return text.startsWith("@") && !text.includes("@", 1) ? normalDomain(text.slice(1)) : undefined;
}

/** A user part that no list has. */
const noName = `x${randomBytes(12).toString("hex")}`;

/**
 * Whether the key `@domain` may be a hit, which accepts every address of the domain: it is a catch-all, and no row
 * refuses an address in spite of one.
 */
export function acceptsWholeDomain(domain: string, { domains, recipients, snapshot }: LookupService): boolean {
  if (domains.canonical(domain) === undefined) {
    return false;
  }
  const found = recipients.find({ raw: `${noName}@${domain}`, user: noName, domain });
  return found.kind === "known" && isCatchAll(found.key) && snapshot.image?.hasRefusals() === false;
}
