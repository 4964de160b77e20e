/**
 * Mail addresses: one parser and one normal form for both sides of the snapshot. RFC 5321 4.1.2, RFC 5890, RFC 6531.
 *
 * If sync and the relay differed by one character here, mail would be refused; nothing else in the project
 * may fold, quote or convert an address.
 */
import { isIPv6 } from "node:net";
import { domainToASCII } from "node:url";

import { isBeyondAscii } from "./octets.ts";
import { isPlainUser } from "./plain-user.ts";

/** A key of the snapshot: `user@domain` or a bare `user`, in the normal form of {@link normalKey}. */
export type Key = string & { readonly __brand: "Key" };

/** One mailbox as a command or a directory names it. */
export interface Mailbox {
  /** As it came, without angle brackets and source route; this is sent to the next hop. */
  readonly raw: string;
  /** The user part without quotes and escapes, in the letter case in which it came. */
  readonly user: string;
  /** A-labels in lower case without a trailing dot, an address literal, or "" for a bare user part. */
  readonly domain: string;
}

/**
 * Octets of a path without brackets, RFC 5321 4.5.3.1.3. The 64 octets of a user part are not enforced: forwarders exceed
 * them.
 */
const maxLength = 254;
/** RFC 1035 3.1, as text without the dot at its end. */
const maxDomain = 253;
/** The parts of RFC 5321 4.5.3.1.1 and 4.5.3.1.2 with their "@": senders in the world are that long. */
const maxSender = 320;
const atoms = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/;
const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*)"$/;
/** The same with UTF-8, RFC 6531 3.3. */
const utf8Atoms = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.\u{80}-\u{10ffff}]+$/u;
const utf8Quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e\u{80}-\u{10ffff}]|\\[\x20-\x7e])*)"$/u;
const label = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
/** Labels in lower case, as nearly all domains come: one look, and none of the steps to the normal form. */
const normal = new RegExp(`^${label}(?:\\.${label})*$`);
const literal = /^\[(?:(\d{1,3}(?:\.\d{1,3}){3})|ipv6:([0-9a-f:.]+))\]$/;
const upper = /[A-Z]/;
const unfolded = /[A-Z]|[^\x00-\x7f]/;

/** Folds the letters A-Z and no others: a Kelvin sign is not a k. */
export function foldAscii(text: string): string {
  return upper.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

/**
 * Folds a user part: letters A-Z, and those beyond ASCII by Unicode's simple case folding in the form NFC. None of these
 * becomes a letter of ASCII, so that an address in ASCII has no other spelling.
 */
export function foldUser(user: string): string {
  if (isPlainUser(user) || !unfolded.test(user)) {
    return user;
  }
  return isBeyondAscii(user)
    ? foldAscii(user.normalize("NFD").replaceAll(/[^\x00-\x7f]/gu, foldLetter)).normalize("NFC")
    : user.toLowerCase();
}

/** JavaScript has no case folding: it is the lower case of the upper case, where that is one letter and not ASCII. */
function foldLetter(letter: string): string {
  const upper = letter.toUpperCase();
  const isOne = upper.length === String.fromCodePoint(upper.codePointAt(0) ?? 0).length;
  const folded = isOne ? upper.toLowerCase() : letter.toLowerCase();
  return isBeyondAscii(folded) ? folded : letter;
}

/**
 * The normal form of a domain: A-labels, lower case, no trailing dot; address literals in lower case. Undefined if the
 * text is not a domain name.
 */
export function normalDomain(text: string): string | undefined {
  if (text.length <= maxDomain && normal.test(text)) {
    return text;
  }
  let domain = text;
  if (/[^\x00-\x7f]/.test(domain)) {
    // U+3002 and its like are dots to IDNA; anything else it cannot map comes back empty.
    domain = domainToASCII(domain);
  }
  domain = foldAscii(domain);
  if (domain.startsWith("[")) {
    return isLiteral(domain) ? domain : undefined;
  }
  if (domain.endsWith(".")) {
    domain = domain.slice(0, -1);
  }
  return domain.length <= maxDomain && normal.test(domain) ? domain : undefined;
}

/** RFC 5321 4.1.3: an octet may have leading zeros, but is at most 255. */
function isLiteral(text: string): boolean {
  const [, ipv4, ipv6] = literal.exec(text) ?? [];
  return ipv4 === undefined ? isIPv6(ipv6 ?? "") : ipv4.split(".").every((octet) => Number(octet) <= 255);
}

/** The user part without quotes and escapes; undefined if it is neither a dot-string nor a quoted string. */
function unquote(text: string): string | undefined {
  if (isPlainUser(text) || atoms.test(text)) {
    return text;
  }
  return isBeyondAscii(text) ? unquoteUtf8(text) : quoted.exec(text)?.[1]?.replace(/\\(.)/g, "$1");
}

/**
 * What nobody can see, what turns the text around it in a log, and the signs whose NFC is ASCII, such as Kelvin: no mailbox
 * is called so. Made when it is first asked for: Unicode's properties take milliseconds.
 */
function isUnfit(user: string): boolean {
  return /[\u{37e}\u{1fef}\u{212a}\p{Cc}\p{Cs}\p{Z}\p{Bidi_Control}\p{Noncharacter_Code_Point}\u{ad}\u{feff}\u{fff9}-\u{fffd}]/u.test(
    user,
  );
}

function unquoteUtf8(text: string): string | undefined {
  const user = utf8Atoms.test(text) ? text : utf8Quoted.exec(text)?.[1]?.replace(/\\(.)/gu, "$1");
  return user === undefined || isUnfit(user.replaceAll(" ", "")) ? undefined : user;
}

/** Octets of a text in UTF-8, if there are no more than so many. */
function fits(text: string, most: number): boolean {
  // At most three octets for each of JavaScript's units: most texts need not be looked through.
  return text.length * 3 <= most || (text.length <= most && (!isBeyondAscii(text) || Buffer.byteLength(text) <= most));
}

/**
 * Reads `user@domain`, `"quoted user"@domain` or a bare `user`, without angle brackets.
 * User part and domain may be beyond ASCII, RFC 6531: whether they may be in a command is for the caller to judge.
 * @param longest octets
 */
export function parseMailbox(text: string, longest: number = maxLength): Mailbox | undefined {
  if (text.length === 0 || !fits(text, longest)) {
    return undefined;
  }
  // Without quotes, a user part has no "@"; lastIndexOf would leave the compiled code.
  const at = text.startsWith('"') ? text.lastIndexOf("@") : text.indexOf("@");
  if (at < 0) {
    const user = unquote(text);
    return user === undefined || user === "" ? undefined : { raw: text, user, domain: "" };
  }
  const user = unquote(text.slice(0, at));
  const domain = domainBehind(text, at);
  if (user === undefined || domain === undefined) {
    return undefined;
  }
  if (
    user.length === at &&
    domain.length === text.length - at - 1 &&
    text.endsWith(domain) &&
    foldUser(user) === user
  ) {
    // The brand: nothing is quoted or folded, so the text is its normal form. Of most recipients no other key is made.
    noteKey(user, domain, text as Key);
  }
  return { raw: text, user, domain };
}

/** The domain that was read last: nearly all recipients of a relay have the same few. */
let latestDomain: string | undefined;

/** The normal form of what is behind the "@". */
function domainBehind(text: string, at: number): string | undefined {
  if (latestDomain !== undefined && text.length - at - 1 === latestDomain.length && text.endsWith(latestDomain)) {
    return latestDomain;
  }
  const domain = normalDomain(text.slice(at + 1));
  latestDomain = domain ?? latestDomain;
  return domain;
}

/** An address as it is written where UTF-8 is not allowed, with A-labels; undefined: its user part has none. */
export function asciiForm({ raw, domain }: Mailbox): string | undefined {
  if (!isBeyondAscii(raw)) {
    return raw;
  }
  const at = raw.lastIndexOf("@");
  const user = at < 0 ? raw : raw.slice(0, at);
  return isBeyondAscii(user) ? undefined : `${user}@${domain}`;
}

/** Reads a sender: as {@link parseMailbox}, but up to 320 octets. */
export function parseSender(text: string): Mailbox | undefined {
  return parseMailbox(text, maxSender);
}

/**
 * What a mailbox's own text names, whatever its parts say: for one that somebody may have made by hand.
 * @throws RangeError if the text is not an address
 */
export function readAgain({ raw }: Mailbox): Mailbox {
  const mailbox = parseSender(raw);
  if (mailbox === undefined) {
    throw new RangeError(`Not an address: ${JSON.stringify(raw)}`);
  }
  return mailbox;
}

/** The same of several. @throws RangeError if one is not an address */
export function readAllAgain([first, ...more]: readonly [Mailbox, ...Mailbox[]]): readonly [Mailbox, ...Mailbox[]] {
  return [readAgain(first), ...more.map(readAgain)];
}

/** The key that was made last, and of what: every list is asked for the same one, one after another. */
let latestKey: Key | undefined;
let keyUser = "";
let keyDomain = "";

function noteKey(user: string, domain: string, key: Key): Key {
  keyUser = user;
  keyDomain = domain;
  latestKey = key;
  return key;
}

/**
 * The normal form under which a mailbox is in the snapshot and is looked up: folded, no quotes but those of the
 * empty user part, as `@domain` means everybody there.
 */
export function normalKey(user: string, domain: string): Key {
  if (domain === "") {
    // The brand: this is the normal form.
    return userKey(user) as Key;
  }
  if (latestKey !== undefined && keyUser === user && keyDomain === domain) {
    return latestKey;
  }
  // The brand, as above.
  return noteKey(user, domain, `${userKey(user)}@${domain}` as Key);
}

function userKey(user: string): string {
  return user === "" ? '""' : foldUser(user);
}

const none: readonly string[] = [];

/**
 * What is before each delimiter of a user part, the longest first: "anna-lena-news" is "anna-lena", then "anna".
 * @param delimiters a set of characters, each of them a delimiter
 */
export function withoutExtension(user: string, delimiters: string): readonly string[] {
  if (delimiters.length === 1 && !user.includes(delimiters)) {
    return none;
  }
  const bases: string[] = [];
  for (let end = user.length - 1; end > 0; end--) {
    if (delimiters.includes(user.charAt(end))) {
      bases.push(user.slice(0, end));
    }
  }
  return bases;
}

const routes = /[%!:@"\\]/;

/**
 * Whether a user part names a further route (`a%b`, `b!a`, `x:y`, `a@b`) or hides one behind quotes. Such a one is
 * refused unless the snapshot lists the complete address: the internal mail server might relay it. It might take a
 * fullwidth sign for one of these, too.
 */
export function namesRoute(user: string): boolean {
  return !isPlainUser(user) && (routes.test(user) || (isBeyondAscii(user) && routes.test(user.normalize("NFKC"))));
}
