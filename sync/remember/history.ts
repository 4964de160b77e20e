/**
 * The lists that are kept: the snapshot and NAME.1 (the newest) to NAME.N. Each served from its `since` until that of
 * the next younger one.
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

import { denialOf } from "../../src/files/denied.ts";
import { readLook } from "../../src/files/last-look.ts";
import { readMeta } from "../../src/snapshot/inspect.ts";
import { openSealed } from "../../src/snapshot/sealed.ts";
import { askList } from "../list/ask-list.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** A list that is kept and good. Times are ms since 1970. */
export interface KeptList {
  /** "current", or its number. */
  readonly name: string;
  readonly path: string;
  readonly created: number;
  readonly since: number;
  /** When and why a person went back to it; undefined: nobody did. */
  readonly held: string | undefined;
  /** How its keys are hashed; undefined: not at all. */
  readonly mark: string | undefined;
  readonly addresses: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly sources: readonly { readonly name: string; readonly addresses: number; readonly readAt: number }[];
}

/** A file that is not a good list, or may not be read. */
export interface Unread {
  readonly name: string;
  readonly path: string;
  readonly why: string;
  /** This user may not read it; whether it is good, another may know. */
  readonly denied: boolean;
}

/** What is in the folder, newest first. */
export interface History {
  readonly lists: readonly KeptList[];
  readonly damaged: readonly Unread[];
}

/** Reads what is kept beside a snapshot. */
export function readHistory(path: string): History {
  const lists: KeptList[] = [];
  const damaged: Unread[] = [];
  for (const { name, file } of filesOf(path)) {
    const kept = readList(file, name);
    if (typeof kept === "string") {
      damaged.push(unreadOf(name, file, kept));
    } else {
      lists.push(kept);
    }
  }
  return { lists, damaged };
}

/** The files of a snapshot and of the lists that are kept beside it, newest first. */
export function filesOf(path: string): { readonly name: string; readonly file: string }[] {
  const prefix = `${basename(path)}.`;
  const numbers = readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,2}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .toSorted((one, other) => one - other);
  const kept = numbers.map((number) => ({ name: String(number), file: `${path}.${number}` }));
  return existsSync(path) ? [{ name: "current", file: path }, ...kept] : kept;
}

/** Reads one file; if it is not a good list, why. Every byte of it is hashed, and every row counted. */
export function readList(path: string, name: string): KeptList | string {
  const denied = denialOf(path);
  if (denied !== undefined) {
    return denied;
  }
  const opened = openSealed(path);
  if ("why" in opened) {
    return opened.detail;
  }
  using file = opened;
  try {
    const { created, since, held, mark } = readMeta(file.database);
    const looked = readLook(path, created);
    const counts = file.database
      .prepare<[], Count>("SELECT source, kind, count(*) AS rows FROM recipient WHERE gone = 0 GROUP BY kind, source")
      .all();
    const sources = file.database
      .prepare<[], { id: number; name: string; readAt: number }>(
        "SELECT id, name, read_at AS readAt FROM source ORDER BY id",
      )
      .all()
      .map((source) => ({
        name: source.name,
        addresses: sumOf(counts.filter((count) => count.source === source.id)),
        readAt: looked.get(source.name)?.readAt ?? source.readAt,
      }));
    const kinds = Object.fromEntries(
      Map.groupBy(counts, ({ kind }) => kind)
        .entries()
        .map(([kind, some]) => [kind, sumOf(some)]),
    );
    const list = { name, path, created, since, held, mark, addresses: sumOf(counts), kinds, sources };
    return file.isSame() ? list : "it was written to while it was read";
  } catch (error) {
    return errorMessage(error);
  }
}

interface Count {
  readonly source: number;
  readonly kind: string;
  readonly rows: number;
}

function sumOf(counts: readonly Count[]): number {
  return counts.reduce((sum, { rows }) => sum + rows, 0);
}

/** The list that served at a time; undefined if none is kept that did. */
export function listAt<List extends Pick<KeptList, "since">>(lists: readonly List[], time: number): List | undefined {
  return lists.find(({ since }) => since <= time);
}

/**
 * The list that a person means: "current", a number, a time (the list that served then) or a path.
 * @returns why there is none
 */
export function findList({ lists, damaged }: History, word: string): KeptList | string {
  const named = lists.find(({ name }) => name === word);
  if (named !== undefined) {
    return named;
  }
  const unread = damaged.find(({ name }) => name === word);
  if (unread !== undefined) {
    return describeUnread(unread);
  }
  const time = parseTime(word);
  if (time !== undefined) {
    return listAt(lists, time) ?? `no list is kept that served at ${word}`;
  }
  if (existsSync(word)) {
    const list = readList(resolve(word), word);
    return typeof list === "string" ? `${word}: ${list}` : list;
  }
  return `there is no list "${word}", see \`goodmailto history\``;
}

/** A file that is no good list, or may not be read. */
export function unreadOf(name: string, path: string, why: string): Unread {
  const denied = denialOf(path);
  return { name, path, why: denied ?? why, denied: denied !== undefined };
}

/** In words, with its path. */
export function describeUnread({ path, why, denied }: Unread): string {
  return denied ? `${path} ${why}` : `${path} is damaged: ${why}`;
}

/** A date or time of ISO 8601 in ms since 1970; a time without a zone is local. */
export function parseTime(text: string): number | undefined {
  const time = /^\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** One key that is in one list alone, or has another rule. */
export interface Difference {
  readonly sign: "+" | "-" | "~";
  readonly key: string;
  readonly kind: string;
  /** For "~": who might write to it before, and who may now. */
  readonly rules?: readonly [string, string];
}

/** The differences of a list to an older one: the lost keys, the new ones, the changed ones, each in key order. */
export function diffLists(older: string, newer: string, tell: (difference: Difference) => void): void {
  askList(newer, (database) => {
    database.prepare("ATTACH ? AS old").run(older);
    const alone = (mine: string, than: string): string =>
      `SELECT key, min(kind) AS kind FROM ${mine}.recipient AS mine WHERE gone = 0
       AND NOT EXISTS (SELECT 1 FROM ${than}.recipient AS other WHERE other.key = mine.key AND other.gone = 0)
       GROUP BY key ORDER BY key`;
    const list = (sign: "+" | "-", sql: string): void => {
      for (const row of database.prepare<[], { key: string; kind: string }>(sql).iterate()) {
        tell({ sign, ...row });
      }
    };
    list("-", alone("old", "main"));
    list("+", alone("main", "old"));
    const changed = database.prepare<[], { key: string; kind: string; before: string; now: string }>(
      `SELECT key, mine.kind AS kind, other.rule AS before, mine.rule AS now
       FROM main.recipient AS mine JOIN old.recipient AS other USING (key)
       WHERE mine.gone = 0 AND other.gone = 0 AND mine.rule <> other.rule
         AND (SELECT name FROM main.source WHERE id = mine.source) = (SELECT name FROM old.source WHERE id = other.source)
       ORDER BY key`,
    );
    for (const { key, kind, before, now } of changed.iterate()) {
      tell({ sign: "~", key, kind, rules: [before, now] });
    }
  });
}
