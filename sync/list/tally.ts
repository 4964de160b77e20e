/** What a finished snapshot file holds by domain and by kind, for the guard, and whether it holds certain keys. */
import { normalKey, parseMailbox } from "../../src/mail/address.ts";
import type { Domains } from "../../src/mail/domains.ts";
import { askList } from "./ask-list.ts";

/** Addresses of one part of the list, before and now. */
export interface Counts {
  readonly name: string;
  /** Undefined: the old snapshot has no such part. */
  readonly before: number | undefined;
  readonly now: number;
}

/** Counts of one list. A bare user part counts as of no domain. */
export interface Tally {
  readonly domains: ReadonlyMap<string, number>;
  readonly kinds: ReadonlyMap<string, number>;
  /** Keys that stand for everybody of a domain; hashes in a hashed list. */
  readonly catchAlls: ReadonlySet<string>;
  /** How its keys are hashed, see src/snapshot/keyed.ts; undefined: not at all. */
  readonly mark: string | undefined;
}

/** An address that must be in every list. */
export interface Canary {
  /** As configured. */
  readonly text: string;
  /** It is there where one of them is. */
  readonly keys: readonly string[];
}

/** `[sync] canaries`: an address is also there where its user part alone is valid. */
export function createCanaries(texts: readonly string[], domains: Domains): Canary[] {
  return texts.flatMap((text) => {
    const mailbox = parseMailbox(text);
    if (mailbox === undefined) {
      return [];
    }
    const domain = domains.canonical(mailbox.domain) ?? mailbox.domain;
    return [{ text, keys: [...new Set([normalKey(mailbox.user, domain), normalKey(mailbox.user, "")])] }];
  });
}

/** Counts a file in one pass. In a hashed file the domains are unknown: there are none then. */
export function tallySnapshot(path: string): Tally {
  return askList(path, (database) => {
    const mark = database.prepare<[], string>("SELECT value FROM meta WHERE key = 'keyed'").pluck().get();
    const keyed = mark !== undefined;
    const rest = "substr(key, instr(key, '@') + 1)";
    // A quoted user part may hold an "@" too: rtrim() with all that is none leaves what is before the last one.
    const last = "substr(key, length(rtrim(key, replace(key, '@', ''))) + 1)";
    const domainOf = `CASE WHEN instr(key, '@') = 0 THEN '' WHEN instr(${rest}, '@') = 0 THEN ${rest} ELSE ${last} END`;
    const select = database.prepare<[], { kind: string; domain: string; count: number }>(
      `SELECT kind, ${keyed ? "''" : domainOf} AS domain, count(*) AS count
       FROM recipient WHERE gone = 0 GROUP BY kind, domain`,
    );
    const domains = new Map<string, number>();
    const kinds = new Map<string, number>();
    for (const { kind, domain, count } of select.all()) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + count);
      if (!keyed) {
        domains.set(domain, (domains.get(domain) ?? 0) + count);
      }
    }
    const catchAlls = database
      .prepare<[], string>("SELECT DISTINCT key FROM recipient WHERE kind = 'catchall' AND gone = 0 ORDER BY key")
      .pluck()
      .all();
    return { domains, kinds, catchAlls: new Set(catchAlls), mark };
  });
}

/** Parts of the old list with what became of them; a part that is new has lost nothing. */
export function compareTallies(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): Counts[] {
  return [...before]
    .filter(([name]) => name !== "")
    .map(([name, count]) => ({ name, before: count, now: now.get(name) ?? 0 }));
}

/** The canaries that a file lacks. @param form of the file's keys, if they are not plain */
export function findMissing(
  path: string,
  canaries: readonly Canary[],
  form: (key: string) => string = (key) => key,
): string[] {
  return askList(path, (database) => {
    const has = database.prepare<[string]>("SELECT 1 FROM recipient WHERE key = ? AND gone = 0");
    return canaries.filter(({ keys }) => !keys.some((key) => has.get(form(key)) !== undefined)).map(({ text }) => text);
  });
}
