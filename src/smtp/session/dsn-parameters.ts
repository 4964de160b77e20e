/** Parameters of delivery status notifications: RET and ENVID of MAIL, NOTIFY and ORCPT of RCPT. RFC 3461 4. */
import type { Mailbox } from "../../mail/address.ts";
import { reply } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import { fromXtext, toXtext } from "../../mail/xtext.ts";

/** Characters of ENVID, RFC 3461 4.4. */
const longestEnvid = 100;
/** Characters of ORCPT, RFC 3461 4.2. */
const longestOrcpt = 500;

const event = "(?:SUCCESS|FAILURE|DELAY)";
const notify = new RegExp(`^(?:NEVER|${event}(?:,${event}){0,2})$`, "i");
/** The type of an address, RFC 3461 4.2, and the address. */
const original = /^[A-Za-z0-9!#$%&'*/?^_`{|}~-]+;(.+)$/s;

/** Whether it is xtext of printable characters: what the hop decodes goes into the lines of a report. */
function isPlain(text: string): boolean {
  const decoded = fromXtext(text);
  return decoded !== undefined && /^[\x20-\x7e]+$/.test(decoded);
}

/** Octets beyond ASCII may only be in a message with SMTPUTF8, whose line is read as UTF-8. RFC 6533 3. */
function isOriginal(value: string, utf8: boolean): boolean {
  const [, address = ""] = original.exec(value) ?? [];
  const ascii = utf8 ? address.replace(/[^\x00-\x9f]/g, "u") : address;
  return Buffer.byteLength(value) <= longestOrcpt && isPlain(ascii);
}

/** What each takes. */
const parameters: Readonly<Record<"RET" | "ENVID" | "NOTIFY" | "ORCPT", (value: string, utf8: boolean) => boolean>> = {
  RET: (value) => /^(?:FULL|HDRS)$/i.test(value),
  ENVID: (value) => value.length <= longestEnvid && isPlain(value),
  NOTIFY: (value) => notify.test(value),
  ORCPT: isOriginal,
};

const faults: Readonly<Record<keyof typeof parameters, Reply>> = {
  RET: reply(501, "5.5.4", "RET takes FULL or HDRS"),
  ENVID: reply(501, "5.5.4", "ENVID takes up to 100 characters of xtext"),
  NOTIFY: reply(501, "5.5.4", "NOTIFY takes NEVER, or a list of SUCCESS, FAILURE and DELAY"),
  ORCPT: reply(501, "5.5.4", "ORCPT takes a type, a semicolon and an address in xtext"),
};

/** Whether it is a parameter of this verb. */
export function isDsn(key: string, verb: "MAIL" | "RCPT"): key is keyof typeof parameters {
  return verb === "MAIL" ? key === "RET" || key === "ENVID" : key === "NOTIFY" || key === "ORCPT";
}

/** What is wrong with a value; undefined: nothing. @param utf8 the message has SMTPUTF8 */
export function dsnFault(key: keyof typeof parameters, value: string, utf8: boolean): Reply | undefined {
  return parameters[key](value, utf8) ? undefined : faults[key];
}

/** An address for ORCPT, with its type; undefined: it is too long for one. RFC 6533 3 where it is in UTF-8. */
function toOriginal({ raw }: Mailbox): string | undefined {
  const isAscii = !/[^\x00-\x7f]/.test(raw);
  const text = isAscii
    ? `rfc822;${toXtext(raw)}`
    : `utf-8;${raw.replace(/[\x00-\x20+=\\\x7f]/g, (char) => `\\x{${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}}`)}`;
  return Buffer.byteLength(text) <= longestOrcpt ? text : undefined;
}

/**
 * The parameters for the next hop of a recipient that has another address there: a report names the one that the client
 * knows. RFC 3461 5.2.1 (d).
 * @param dsn of the client, each behind a blank
 */
export function dsnOfChanged(named: Mailbox, dsn: string): string {
  const text = / ORCPT=/.test(dsn) ? undefined : toOriginal(named);
  return text === undefined ? dsn : `${dsn} ORCPT=${text}`;
}
