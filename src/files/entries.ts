/** Lists of checks as they are looked up: addresses with what follows them, and clients. */
import { foldUser, normalKey } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { spellings } from "../mail/domains.ts";
import type { Domains } from "../mail/domains.ts";
import { IpEntries, parseIpEntry } from "../mail/ip-entry.ts";
import { entryKey } from "../mail/list-entry.ts";
import { withoutTag } from "../mail/return-path.ts";
import type { ListEntry, Remark } from "./list-reader.ts";

/** The first word of a line and the rest; a quoted user part may hold blanks. */
export function firstWord(text: string): readonly [word: string, rest: string] {
  const [, word = "", rest = ""] = /^("(?:[^"\\]|\\.)*"\S*|\S+)\s*(.*)$/.exec(text) ?? [];
  return [word, rest];
}

/** A line of an address list. */
export interface AddressLine {
  /** `user@host`, `@host`, or a bare user part where those are taken, in normal form. */
  readonly key: string;
  /** What follows the address: a reason, a code, another address. */
  readonly rest: string;
  readonly entry: ListEntry;
}

/** Reads a list of addresses by their keys; of two equal ones the first counts. @param bare a bare user part is an entry too */
export function readAddresses(entries: readonly ListEntry[], skip: Remark, bare = false): Map<string, AddressLine> {
  const lines = new Map<string, AddressLine>();
  for (const entry of entries) {
    const [word, rest] = firstWord(entry.text);
    const isBare = bare && word !== "" && !word.includes("@");
    const key = isBare ? foldUser(word) : entryKey(word);
    if (key === undefined) {
      skip(entry, `can never match: an entry is user@host or @host${bare ? " or user" : ""}`);
    } else if (!lines.has(key)) {
      lines.set(key, { key, rest, entry });
    }
  }
  return lines;
}

/** The mailbox that was looked up last: all checks ask about the same one, one after another. */
let latest: { readonly mailbox: Mailbox; readonly keys: readonly string[] } | undefined;

/** The keys under which a mailbox may be listed, the most exact first: itself, without the tag of a signature, its domain. */
export function keysOf(mailbox: Mailbox): readonly string[] {
  if (latest?.mailbox !== mailbox) {
    latest = { mailbox, keys: makeKeys(mailbox) };
  }
  return latest.keys;
}

function makeKeys({ user, domain }: Mailbox): string[] {
  const owner = withoutTag(user);
  return [normalKey(user, domain), ...(owner === undefined ? [] : [normalKey(owner, domain)]), `@${domain}`];
}

/** What a map has for the first of a mailbox's keys. */
export function findMailbox<T>(entries: ReadonlyMap<string, T>, mailbox: Mailbox): T | undefined {
  // An empty list costs nothing.
  if (entries.size === 0) {
    return undefined;
  }
  for (const key of keysOf(mailbox)) {
    const entry = entries.get(key);
    if (entry !== undefined) {
      return entry;
    }
  }
  return undefined;
}

/** What a map has for a recipient as it came, or at the relay domain that its own stands for. */
export function findRecipient<T>(entries: ReadonlyMap<string, T>, recipient: Mailbox, domains: Domains): T | undefined {
  if (entries.size === 0) {
    return undefined;
  }
  for (const mailbox of spellings(recipient, domains)) {
    const entry = findMailbox(entries, mailbox);
    if (entry !== undefined) {
      return entry;
    }
  }
  return undefined;
}

/**
 * Reads a list of clients; the value of each is its line. @param warn is called with entries that count, but perhaps
 * not as meant
 */
export function readClients(entries: readonly ListEntry[], skip: Remark, warn: Remark): IpEntries<ListEntry> {
  const clients = new IpEntries<ListEntry>();
  for (const entry of entries) {
    const parsed = parseIpEntry(firstWord(entry.text)[0]);
    if (parsed === undefined) {
      skip(
        entry,
        'can never match: an entry is an IP address, a prefix that ends in "." or ":", or a block such as 192.0.2.0/24',
      );
      continue;
    }
    if (parsed.warning !== undefined) {
      warn(entry, parsed.warning);
    }
    clients.add(parsed, entry);
  }
  return clients;
}
