/** Parameters of MAIL and RCPT. RFC 5321 4.1.2, RFC 1870, RFC 6152, RFC 4954 5, RFC 3461 4, RFC 6531 3.4. */
import type { Offered } from "../../mail/courier.ts";
import { reply } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import { dsnFault, isDsn } from "./dsn-parameters.ts";

/** Those of MAIL. */
export interface MailParameters {
  readonly eightBit: boolean;
  readonly size: number;
  /** RET and ENVID, each behind a blank. */
  readonly dsn: string;
  /** SMTPUTF8. */
  readonly utf8: boolean;
}

/** What may be given: AUTH, and what EHLO offered. */
interface Allowed extends Offered {
  readonly auth: boolean;
}

const badParameter = reply(555, "5.5.4", "Unknown parameter");
const badSize = reply(501, "5.5.4", "SIZE takes a number");
const badBody = reply(501, "5.5.4", "BODY takes 7BIT or 8BITMIME");
const twice = reply(501, "5.5.4", "Each parameter of DSN may be given once");
const badUtf8 = reply(501, "5.5.4", "SMTPUTF8 takes no value");
const none: MailParameters = { eightBit: false, size: 0, dsn: "", utf8: false };

function split(text: string): [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text.toUpperCase(), ""] : [text.slice(0, at).toUpperCase(), text.slice(at + 1)];
}

/**
 * Reads one after the other, up to the first that is wrong: there may be thousands of them.
 * @param read what one makes of what was read before it, or the refusal
 */
function readAll<T extends object | string>(
  parameters: readonly string[],
  none: T,
  read: (key: string, value: string, before: T) => T | Reply,
): T | Reply {
  const seen: string[] = [];
  let all = none;
  for (const parameter of parameters) {
    const [key, value] = split(parameter);
    if (seen.includes(key)) {
      return isDsn(key, "MAIL") || isDsn(key, "RCPT") ? twice : badParameter;
    }
    seen.push(key);
    const more = read(key, value, all);
    if (isReply(more)) {
      return more;
    }
    all = more;
  }
  return all;
}

function isReply(read: object | string): read is Reply {
  return typeof read === "object" && "wire" in read;
}

/** Whether a message has SMTPUTF8: its addresses may be in UTF-8. */
export function hasSmtpUtf8(parameters: readonly string[]): boolean {
  return parameters.some((parameter) => split(parameter)[0] === "SMTPUTF8");
}

/** Reads those of MAIL. */
export function readMailParameters(
  parameters: readonly string[],
  { auth, dsn, smtputf8 }: Allowed,
): MailParameters | Reply {
  return readAll(parameters, none, (key, value, read): MailParameters | Reply => {
    if (key === "SIZE") {
      return /^\d{1,20}$/.test(value) ? { ...read, size: Number(value) } : badSize;
    }
    if (key === "BODY") {
      return /^(7BIT|8BITMIME)$/i.test(value) ? { ...read, eightBit: value.toUpperCase() === "8BITMIME" } : badBody;
    }
    if (key === "SMTPUTF8" && smtputf8) {
      return value === "" ? { ...read, utf8: true } : badUtf8;
    }
    if (dsn && isDsn(key, "MAIL")) {
      return dsnFault(key, value, false) ?? { ...read, dsn: `${read.dsn} ${key}=${value}` };
    }
    return key === "AUTH" && auth && value !== "" ? read : badParameter;
  });
}

/** Reads those of RCPT: NOTIFY and ORCPT, each behind a blank. @param dsn whether they may be given @param utf8 whether MAIL had SMTPUTF8 */
export function readRcptParameters(parameters: readonly string[], dsn: boolean, utf8: boolean): string | Reply {
  return readAll(parameters, "", (key, value, read): string | Reply => {
    const fault = dsn && isDsn(key, "RCPT") ? dsnFault(key, value, utf8) : badParameter;
    return fault ?? `${read} ${key}=${value}`;
  });
}
