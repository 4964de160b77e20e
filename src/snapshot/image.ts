/**
 * A snapshot that inspect.ts found good, opened: its bytes in memory, or a copy of the relay's own.
 *
 * Never the published file: a program that truncates or overwrites it in place (`cp`, an editor) would otherwise change
 * answers between two looks at it, or kill a process that has it mapped (SIGBUS).
 */
import type Database from "better-sqlite3";

import { factsOf, factsWhenAsked, openContent } from "./content.ts";
import type { Content, Counts } from "./content.ts";
import type { KeyFilter } from "./filter.ts";
import { refused, versionOf, wildcardKinds } from "./format.ts";
import type { Kind, RecipientRow, SourceRow } from "./format.ts";
import { formOf, readMeta } from "./inspect.ts";
import { KeptFilter } from "./kept-filter.ts";
import { LateFilter } from "./late-filter.ts";
import { listRows } from "./listing.ts";
import type { ListedRow } from "./listing.ts";
import { compileScope } from "./scope.ts";
import { plainTrust } from "./trust.ts";
import type { Trust } from "./trust.ts";

/** A snapshot in memory. Every lookup may throw what SQLite throws. */
export interface Image {
  /** ms since 1970. */
  readonly created: number;
  /** When the sync that made it began, ms since 1970; undefined: not known. */
  readonly started: number | undefined;
  /** When the source that was read longest ago was read; addresses added since then may be unknown. ms since 1970. */
  readonly asOf: number;
  /** When its list first served, ms since 1970. */
  readonly since: number;
  /** When and why a person went back to it; undefined: nobody did. */
  readonly held: string | undefined;
  /** A person wants it at once wherever it goes. */
  readonly urgent: boolean;
  /** Those that are there; vanished ones do not count. */
  readonly rows: number;
  /** Whether its keys are hashes, see keyed.ts. */
  readonly keyed: boolean;
  readonly sources: readonly SourceRow[];
  /** Rows that are there, by source and kind. Reads every row of what is in memory, once. */
  counts(): Counts;
  /** What the list holds for a key in normal form: the key, or its hash. */
  stored(key: string): string;
  /** The row of an address; of several the one that is there, and open, rather than the others. So too below. */
  findAddress(key: string): RecipientRow | undefined;
  /** Any row of an address, or of a bare user part; undefined: of neither is there one. */
  findEither(address: string, user: string): RecipientRow | undefined;
  /** The row of a bare user part from a source that is valid in the domain; any source if the domain is "". */
  findUser(user: string, domain: string): RecipientRow | undefined;
  /** The row of a user part in whatever domain, or bare. */
  findAnywhere(user: string): RecipientRow | undefined;
  /** Whether there are rows that stand for many addresses, or refuse some; if not, nobody need ask below. */
  readonly hasWildcards: boolean;
  /** Whether a row refuses an address, which a wildcard would accept otherwise. As slow as `counts`. */
  hasRefusals(): boolean;
  /**
   * The row of a key that stands for many addresses; the one that is there, else one that refuses, else a vanished one.
   * @param directory whether the catch-alls of directories count, not only those of lists
   */
  findWildcard(key: string, directory: boolean): RecipientRow | undefined;
  /** The row that refuses an address. */
  findRefusal(key: string): RecipientRow | undefined;
  /**
   * The directory's entries behind a key, each with its source; none in a hashed list.
   * @param domain if a bare user part must be valid; "" is anywhere
   */
  entriesOf(key: string, domain: string): readonly string[];
  /**
   * Every row that is there, refuses, or vanished after a time (ms since 1970), in key order.
   * @param directory as for `findWildcard`
   */
  list(goneAfter: number, directory: boolean): Iterable<ListedRow>;
  /** Of one that serves: from soon on, an unknown key is hardly ever looked for. */
  quicken(): void;
  close(): void;
}

type Raw = readonly [source: number, kind: Kind, entry: string, rule: string, gone: number];

/**
 * Opens what {@link inspectBytes} found good, or the copy of it.
 * @param known what a hashed list holds for a key, in place of its hash under the trusted secret
 * @throws what SQLite throws if they are not
 */
export function openImage(content: Content, trust: Trust = plainTrust, known?: (key: string) => string): Image {
  const database = openContent(content);
  const filter = Buffer.isBuffer(content) ? undefined : new KeptFilter(content.filterPath);
  return imageOf(database, trust, { ...factsOf(content, database), filter, known });
}

/** What is known of a list that is opened. */
interface Opened extends ReturnType<typeof factsOf> {
  readonly filter: KeptFilter | undefined;
  readonly known: ((key: string) => string) | undefined;
}

/** Of a database that is open, and was found good. @throws what SQLite throws */
export function imageOf(database: Database.Database, trust: Trust, opened?: Opened): Image {
  const { counts, hasRefusals, known } = opened ?? { ...factsWhenAsked(database), known: undefined };
  const sources = database
    .prepare<[], SourceRow & { readonly id: number }>(
      "SELECT id, name, domains, read_at AS readAt, tried_at AS triedAt, entries, fault, reached FROM source ORDER BY id",
    )
    .all();
  const { mark, directories, ...meta } = readMeta(database);
  const hash = mark === undefined ? undefined : (known ?? formOf(trust)?.hash);
  const filter = opened?.filter ?? new LateFilter(database);
  return {
    ...meta,
    asOf: sources.reduce((oldest, { readAt }) => (readAt === 0 ? oldest : Math.min(oldest, readAt)), meta.created),
    keyed: mark !== undefined,
    sources,
    counts,
    hasWildcards: database.pragma("user_version", { simple: true }) !== versionOf(mark !== undefined, false),
    hasRefusals,
    ...lookups(rowsByKey(database, filter), searchInAnyDomain(database), sources, hash, directories),
    list: (goneAfter, directory) => listRows(database, goneAfter, directory ? none : directories),
    quicken: () => (filter instanceof LateFilter ? filter.grow() : undefined),
    close: () => {
      opened?.filter?.release();
      database.close();
    },
  };
}

type Lookups = Pick<
  Image,
  "stored" | "findAddress" | "findEither" | "findUser" | "findAnywhere" | "findWildcard" | "findRefusal" | "entriesOf"
>;

/** Rows by their key. @param hash of a keyed list @param directories sources whose catch-alls are a directory's */
function lookups(
  { all, best, either }: ReturnType<typeof rowsByKey>,
  findFull: ReturnType<typeof searchInAnyDomain>,
  sources: readonly (SourceRow & { readonly id: number })[],
  hash: ((key: string) => string) | undefined,
  directories: ReadonlySet<number>,
): Lookups {
  const scopes = new Map(sources.map((row) => [row.id, compileScope(row)]));
  const everywhere = sources.every((row) => row.domains === "");
  const stored = hash ?? ((key: string): string => key);
  const row = (key: string, raw: readonly [...Raw, ...unknown[]] | undefined): RecipientRow | undefined =>
    raw && { key, source: scopes.get(raw[0])?.name ?? "", kind: raw[1], entry: raw[2], rule: raw[3], gone: raw[4] };
  const findPlain = (user: string): RecipientRow | undefined => {
    const bare = row(user, user.includes("@") ? undefined : best(user));
    const full = bare?.gone === 0 ? undefined : findFull(user);
    return bare?.gone === 0 ? bare : preferPresent(full && row(full.key, full.raw), bare);
  };
  const isIn = (source: number, domain: string): boolean => scopes.get(source)?.covers(domain) === true;
  return {
    stored,
    findAddress: (key) => row(key, best(stored(key))),
    findEither: (address, user) => {
      const key = stored(address);
      const raw = either(key, stored(user));
      return row(raw?.[5] === key ? address : user, raw);
    },
    findUser: (user, domain) => {
      const key = stored(user);
      return row(user, everywhere ? best(key) : bestOf(all(key).filter(([id]) => isIn(id, domain))));
    },
    findAnywhere: (user) => (hash === undefined ? findPlain(user) : row(user, best(hash(`${user}@`)))),
    findWildcard: (key, directory) => row(key, wildcardOf(all(stored(key)), directory ? none : directories)),
    findRefusal: (key) => row(key, refusalOf(all(stored(key)))),
    entriesOf: (key, domain) =>
      all(stored(key))
        .filter(([source, , entry, , gone]) => gone === 0 && entry !== "" && isIn(source, domain))
        .map(([source, , entry]) => `${source} ${entry}`),
  };
}

const none: ReadonlySet<number> = new Set();

/** The best row of those that stand for many addresses. @param without sources whose catch-alls are left out */
function wildcardOf(all: readonly Raw[], without: ReadonlySet<number>): Raw | undefined {
  const rows = all.filter(
    ([source, kind]) => wildcardKinds.includes(kind) && !(kind === "catchall" && without.has(source)),
  );
  return rows.find(isThere) ?? rows.find(isRefusal) ?? rows[0];
}

/** The row that refuses an address, unless one is there that does not. */
function refusalOf(rows: readonly Raw[]): Raw | undefined {
  return rows.some(isThere) ? undefined : rows.find(isRefusal);
}

/** Every row of a key, and the best of them. @param filter says which keys need not be looked for */
function rowsByKey(database: Database.Database, filter: Pick<KeyFilter, "mayHave">) {
  // The primary key gives the order of sources by itself; asking for it costs 3 µs.
  const byKey = database
    .prepare<[string], Raw>("SELECT source, kind, entry, rule, gone FROM recipient WHERE key = ?")
    .raw();
  // A second statement costs more than a second search within one.
  const either = database
    .prepare<[string, string], readonly [...Raw, key: string]>(
      `SELECT source, kind, entry, rule, gone, key FROM recipient WHERE key = ?
       UNION ALL SELECT source, kind, entry, rule, gone, key FROM recipient WHERE key = ?`,
    )
    .raw();
  // Nearly every key has one row, or a first one that will do: the others are read only if they may matter.
  const best = (key: string): Raw | undefined => {
    const first = filter.mayHave(key) ? byKey.get(key) : undefined;
    return first === undefined || isOpen(first) ? first : bestOf(byKey.all(key));
  };
  return {
    all: (key: string): readonly Raw[] => (filter.mayHave(key) ? byKey.all(key) : []),
    best,
    either: (address: string, user: string) =>
      filter.mayHave(address) || filter.mayHave(user) ? either.get(address, user) : undefined,
  };
}

/** Finds the row of a user part in whatever domain. */
function searchInAnyDomain(
  database: Database.Database,
): (user: string) => { readonly key: string; readonly raw: Raw } | undefined {
  // "A" follows "@" in ASCII. A quoted user part may hold an "@" itself: then the rest holds a second one.
  const prepare = (and: string): Database.Statement<{ user: string }, readonly [...Raw, key: string]> =>
    database
      .prepare<{ user: string }, readonly [...Raw, key: string]>(
        `SELECT source, kind, entry, rule, gone, key FROM recipient
         WHERE key > $user || '@' AND key < $user || 'A' AND instr(substr(key, length($user) + 2), '@') = 0 ${and} LIMIT 1`,
      )
      .raw();
  const any = prepare("");
  const present = prepare("AND gone = 0 ORDER BY rule <> ''");
  return (user) => {
    const first = any.get({ user });
    const raw = first === undefined || isOpen(first) ? first : (present.get({ user }) ?? first);
    return raw && { key: raw[5], raw: [raw[0], raw[1], raw[2], raw[3], raw[4]] };
  };
}

function isThere(raw: readonly [...Raw, ...unknown[]]): boolean {
  return raw[4] === 0;
}

/** There, and everybody may write to it. */
function isOpen(raw: readonly [...Raw, ...unknown[]]): boolean {
  return isThere(raw) && raw[3] === "";
}

function isRefusal(raw: Raw): boolean {
  return raw[3] === refused.rule;
}

function bestOf(rows: readonly Raw[]): Raw | undefined {
  return rows.find(isOpen) ?? rows.find(isThere) ?? rows[0];
}

/** The first that is there; else the first. */
export function preferPresent(
  one: RecipientRow | undefined,
  other: RecipientRow | undefined,
): RecipientRow | undefined {
  return one === undefined || (one.gone !== 0 && other?.gone === 0) ? other : one;
}
