/** Lists of addresses among which there may be patterns, as qpsmtpd's badmailfrom and badrcptto have them. */
import { foldAscii, normalKey } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { findMailbox, firstWord, readAddresses } from "./entries.ts";
import type { AddressLine } from "./entries.ts";
import type { ListEntry, Remark } from "./list-reader.ts";
import { indexPatterns } from "./pattern-index.ts";
import { longestAddress, patternsFor } from "./patterns.ts";
import type { Pattern } from "./patterns.ts";

/** A line that matches: of a pattern, `key` is the pattern. */
export interface AddressRule extends AddressLine {
  readonly isPattern: boolean;
}

/** Finds the first line of a list that matches a mailbox. */
export interface AddressRules {
  readonly size: number;
  find(mailbox: Mailbox): AddressRule | undefined;
}

/** qpsmtpd's sign of a pattern. "+" and "!" may be in addresses too: such an address has to be escaped as a pattern. */
const signs = /[/^$*+!%?\\]/;

/** An address as patterns see it: `user@host` in lower case, without quotes. */
export function patternSubject({ user, domain }: Mailbox): string {
  return user === "" || domain === "" ? `${foldAscii(user)}@${domain}` : normalKey(user, domain);
}

/** Reads a list. @param patterns whether an entry with a sign of a pattern is one; letter case does not matter then */
export function readAddressRules(entries: readonly ListEntry[], skip: Remark, patterns: boolean): AddressRules {
  const isPattern = (entry: ListEntry): boolean => patterns && signs.test(firstWord(entry.text)[0]);
  const order = new Map(entries.map((entry, at) => [entry, at]));
  const addresses = readAddresses(
    entries.filter((entry) => !isPattern(entry)),
    skip,
  );
  const compiled = readPatterns(entries.filter(isPattern), skip, true);
  const at = (line: AddressLine | undefined): number => (line === undefined ? Infinity : (order.get(line.entry) ?? 0));
  return {
    size: addresses.size + compiled.size,
    find(mailbox) {
      const exact = findMailbox(addresses, mailbox);
      const matching = compiled.size === 0 ? undefined : compiled.first(patternSubject(mailbox));
      if (exact !== undefined && at(exact) < at(matching)) {
        return { ...exact, isPattern: false };
      }
      return matching === undefined ? undefined : { ...matching, isPattern: true };
    },
  };
}

/** A line that begins with a pattern. */
export interface PatternLine extends AddressLine {
  readonly pattern: Pattern;
}

/** The lines of a list of patterns. */
export interface PatternLines {
  readonly size: number;
  /** The first line whose pattern matches. */
  first(subject: string): PatternLine | undefined;
}

/** Reads lines of `PATTERN text`. */
export function readPatterns(entries: readonly ListEntry[], skip: Remark, ignoreCase: boolean): PatternLines {
  const compile = patternsFor({ longest: longestAddress, ignoreCase });
  const lines = entries.flatMap((entry): PatternLine[] => {
    const [, key = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(entry.text) ?? [];
    const pattern = compile(key);
    if ("fault" in pattern) {
      skip(entry, pattern.fault);
      return [];
    }
    return [{ key, rest, entry, pattern }];
  });
  const patterns = lines.map(({ pattern }) => pattern);
  const index = indexPatterns(patterns, longestAddress);
  const first = (subject: string): PatternLine | undefined => {
    const place = index.find(subject);
    return place === undefined ? undefined : lines[place];
  };
  return { size: lines.length, first };
}
