/** A command line to a command, or to the reply that it deserves. RFC 5321 4.1.1. */
import { isUtf8 } from "node:buffer";

import type { Session } from "../../hooks/session.ts";
import { parseMailbox, parseSender } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { nothingOffered } from "../../mail/courier.ts";
import type { Offered } from "../../mail/courier.ts";
import { isBeyondAscii, textOf } from "../../mail/octets.ts";
import { reply } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import type { Service } from "../service.ts";
import { mayUseUtf8, withAsciiDomain } from "./idn.ts";
import { isFor } from "./offered.ts";
import { hasSmtpUtf8, readMailParameters, readRcptParameters } from "./parameters.ts";

/** MAIL FROM with its parameters. */
export interface MailCommand {
  /** Undefined for the null sender `<>`. */
  readonly sender: Mailbox | undefined;
  readonly eightBit: boolean;
  readonly size: number;
  /** RET and ENVID, each behind a blank. */
  readonly dsn: string;
  /** SMTPUTF8 was given, RFC 6531. */
  readonly utf8: boolean;
  /** As they came. */
  readonly parameters: readonly string[];
}

const badSender = reply(501, "5.1.7", "Bad sender address syntax");
const badRecipient = reply(501, "5.1.3", "Bad recipient address syntax");
const eightBitAddress = reply(553, "5.6.7", "Addresses are ASCII here; SMTPUTF8 is not offered");
const utf8Unasked = reply(553, "5.6.7", "Such an address needs SMTPUTF8 in MAIL");

interface Path {
  /** Text between the angle brackets, without a source route. */
  readonly address: string;
  readonly parameters: readonly string[];
}

/**
 * `FROM:<path> parameters`. The quoted string may hold ">", so it is matched as a whole. Anchored at the keyword:
 * a line of 12 kB must not cost the square of it.
 */
const paths = {
  FROM: /^FROM:\s*<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?:\s+(.*))?$/is,
  TO: /^TO:\s*<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?:\s+(.*))?$/is,
} as const;

/** The same without brackets, as printers and scripts write it. */
const openPaths = { FROM: /^FROM:\s*([^\s<>"]+)(?:\s+(.*))?$/is, TO: /^TO:\s*([^\s<>"]+)(?:\s+(.*))?$/is } as const;

/**
 * Whether a client is forgiven a name with blanks or umlauts, missing brackets, and blanks within them: printers and
 * PCs write such, and untrusted clients that do are rarely mail servers.
 */
export function isLenient(service: Pick<Service, "lenient" | "authenticator">, session: Session): boolean {
  return isFor(service.lenient, service, session);
}

const noParameters: readonly string[] = [];

/** Blanks after the colon are tolerated, as Postfix does. */
function parsePath(line: string, keyword: keyof typeof paths, lenient: boolean): Path | undefined {
  const match = paths[keyword].exec(line) ?? (lenient ? openPaths[keyword].exec(line) : null);
  if (match === null) {
    return undefined;
  }
  const written = match[1] ?? "";
  const path = lenient ? written.trim() : written;
  // RFC 5321 appendix C: a source route is accepted and ignored.
  const address = path.startsWith("@") ? path.replace(/^@[^\s,:@]+(?:,@[^\s,:@]+)*:/, "") : path;
  const parameters = match[2]?.split(/\s+/).filter((word) => word !== "");
  return { address, parameters: parameters ?? noParameters };
}

type Party = Pick<Service, "lenient" | "authenticator" | "idn">;

/** What a client is allowed beside the syntax of RFC 5321. */
export interface Tolerance {
  /** See {@link isLenient}. */
  readonly lenient: boolean;
  /** Its domains may be in UTF-8. */
  readonly utf8: boolean;
  /** What its EHLO offered. */
  readonly offered: Offered;
  /** MAIL had SMTPUTF8. */
  readonly isUtf8?: boolean | undefined;
}

/** What this client is. @param isUtf8 whether MAIL had SMTPUTF8 */
export function toleranceOf(
  { service, session, offered }: { service: Party; session: Session; offered: Offered },
  isUtf8?: boolean,
): Tolerance {
  return { lenient: isLenient(service, session), utf8: mayUseUtf8(service, session), offered, isUtf8 };
}

const none: Tolerance = { lenient: false, utf8: false, offered: nothingOffered };

/** The path of an argument: in ASCII, or with its address in UTF-8 for a message that has SMTPUTF8. */
function readPath(
  argument: string,
  keyword: keyof typeof paths,
  { lenient, utf8, offered, isUtf8 }: Tolerance,
): Path | Reply {
  const bad = keyword === "FROM" ? badSender : badRecipient;
  if (!isBeyondAscii(argument)) {
    return parsePath(argument, keyword, lenient) ?? bad;
  }
  if (!utf8 && !offered.smtputf8) {
    return eightBitAddress;
  }
  const text = textOf(argument);
  const path = text === undefined ? undefined : parsePath(text, keyword, lenient);
  if (path === undefined) {
    return bad;
  }
  if (offered.smtputf8 && (keyword === "FROM" ? hasSmtpUtf8(path.parameters) : isUtf8 === true)) {
    return path;
  }
  const address = utf8 ? withAsciiDomain(path.address) : path.address;
  return address === undefined
    ? bad
    : isBeyondAscii(address)
      ? offered.smtputf8
        ? utf8Unasked
        : eightBitAddress
      : { ...path, address };
}

/** Reads the argument of MAIL. @param offersAuth whether AUTH= is known here (RFC 4954 5) */
export function parseMail(argument: string, offersAuth: boolean, tolerance = none): MailCommand | Reply {
  const path = readPath(argument, "FROM", tolerance);
  if ("wire" in path) {
    return path;
  }
  const sender = path.address === "" ? undefined : parseSender(path.address);
  if (sender === undefined && path.address !== "") {
    return badSender;
  }
  const { parameters } = path;
  if (parameters.length === 0) {
    return { sender, eightBit: false, size: 0, dsn: "", utf8: false, parameters };
  }
  const read = readMailParameters(parameters, { auth: offersAuth, ...tolerance.offered });
  return "wire" in read ? read : { sender, ...read, parameters };
}

/** Whom RCPT names, and what it says for the next hop, as few do. */
export interface NamedRecipient extends Mailbox {
  /** NOTIFY and ORCPT, each behind a blank; not given: none. */
  readonly dsn?: string;
}

/** The parameters of a recipient, one by one. */
export function parametersOf({ dsn = "" }: NamedRecipient): readonly string[] {
  return dsn === "" ? noParameters : dsn.slice(1).split(" ");
}

/**
 * Reads the argument of RCPT in the form in which nearly all come: in ASCII, with nothing behind the address, and nothing
 * to be forgiven. Undefined: {@link parseRcpt} says what it is.
 */
export function plainRecipient(argument: string): NamedRecipient | undefined {
  const isPlain = argument.startsWith("TO:<") && argument.endsWith(">") && !isBeyondAscii(argument);
  return isPlain ? parseMailbox(argument.slice(4, -1)) : undefined;
}

/** Reads the argument of RCPT. */
export function parseRcpt(argument: string, tolerance = none): NamedRecipient | Reply {
  const path = readPath(argument, "TO", tolerance);
  if ("wire" in path) {
    return path;
  }
  const mailbox = parseMailbox(path.address);
  if (mailbox === undefined) {
    return badRecipient;
  }
  if (path.parameters.length === 0) {
    return mailbox;
  }
  const dsn = readRcptParameters(path.parameters, tolerance.offered.dsn, tolerance.isUtf8 === true);
  return typeof dsn === "string" ? { ...mailbox, dsn } : dsn;
}

/** Splits a line into its verb in capitals and its argument. */
export function splitLine(line: string): { readonly verb: string; readonly argument: string } {
  // Most lines: as a word of the program, the verb is neither made nor compared letter by letter.
  if (line.startsWith("RCPT ")) {
    return { verb: "RCPT", argument: line.slice(5).trim() };
  }
  const at = line.indexOf(" ");
  return at < 0
    ? { verb: line.trimEnd().toUpperCase(), argument: "" }
    : { verb: inCapitals(line.slice(0, at)), argument: line.slice(at + 1).trim() };
}

/** `toUpperCase` leaves the compiled code also where nothing is to be done, as with nearly all verbs. */
function inCapitals(verb: string): string {
  for (let at = 0; at < verb.length; at++) {
    const code = verb.charCodeAt(at);
    if (code < 65 || code > 90) {
      return verb.toUpperCase();
    }
  }
  return verb;
}

/** The name a client gives itself: bounded and printable; blanks and UTF-8 only if lenient. */
export function parseHelo(argument: string, lenient = false): string | undefined {
  if (!lenient) {
    return /^[\x21-\x7e]{1,255}$/.test(argument) ? argument : undefined;
  }
  const octets = Buffer.from(argument, "latin1");
  return /^[\x20-\x7e\x80-\xff]{1,255}$/.test(argument) && isUtf8(octets) ? octets.toString("utf8") : undefined;
}
