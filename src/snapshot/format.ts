/**
 * The snapshot file: the contract between sync, which writes it, and the relay, which reads it.
 *
 * One immutable SQLite file, journal mode DELETE. A row says that one key is deliverable, by one source.
 * A bare user part (short name) is a key of its own, valid in every domain of its source; an address is a key
 * `user@domain` with a relay domain, never an alias domain. A row may carry a rule (who may write, or "later"), or say
 * that its key vanished from the directory and when: such a row is deliverable no more, see docs/operation.md.
 * A row of kind `extension` or `catchall` stands for many addresses, see mail/wildcards.ts; one with the rule `refused`
 * says that its key is deliverable to nobody, whatever wildcard covers it.
 *
 * The seal is a SHA-256 over the whole file, in which its own 64 digits count as zeros. `quick_check` sees a torn
 * tree but not a torn letter, and a torn letter would refuse somebody's mail.
 */

/** "gmto" in ASCII: `PRAGMA application_id`. */
export const applicationId = 0x676d_746f;
/** `PRAGMA user_version`; raised whenever an older reader could misread a file. */
export const formatVersion = 1;
/** Of a file with wildcards: a reader that does not know them would refuse what they stand for. */
const wildcardVersion = 2;
/** Added for a hashed file (keyed.ts): a reader that knows only the other would refuse everybody. */
const keyedOffset = 100;

/** The version of a file by what is in it. */
export function versionOf(isKeyed: boolean, hasWildcards: boolean): number {
  return (hasWildcards ? wildcardVersion : formatVersion) + (isKeyed ? keyedOffset : 0);
}

/** Every version that can be read. */
export const versions: readonly number[] = [
  versionOf(false, false),
  versionOf(false, true),
  versionOf(true, false),
  versionOf(true, true),
];

/** What a key is in the directory. Where one source gives a key twice, the kind that stands first here is kept. */
export const kinds = ["extension", "catchall", "account", "shortname", "alias", "group", "mailin", "resource"] as const;
export type Kind = (typeof kinds)[number];

/** The kinds of keys that stand for many addresses. */
export const wildcardKinds: readonly Kind[] = ["extension", "catchall"];

/** `rule` of a row that refuses its key, and its `gone`: it is not there, and does not count. */
export const refused = { rule: "refused", gone: 1 } as const;

/** One row of `recipient`. */
export interface RecipientRow {
  /** Normal form of mail/address.ts, `user@domain` or `user`. */
  readonly key: string;
  /** Name of the `[[source]]`. */
  readonly source: string;
  readonly kind: Kind;
  /** The entry that gave it (a DN, a file and line): for `check`, never for a reply. */
  readonly entry: string;
  /** Who may write to it, see rules.ts; "" is everybody. */
  readonly rule: string;
  /** When it vanished from the directory, ms since 1970; 0: it is there. */
  readonly gone: number;
}

/** One row of `source`. Times are ms since 1970. */
export interface SourceRow {
  readonly name: string;
  /** Relay domains in which its bare user parts are valid, joined by a blank; "" is every relay domain. */
  readonly domains: string;
  /** Last complete reading. */
  readonly readAt: number;
  /** Last attempt. */
  readonly triedAt: number;
  readonly entries: number;
  /** Why the last attempt failed; "" if it did not: the rows are those of readAt. */
  readonly fault: string;
  /** Up to where its changes are known, in the source's own words; "": not known. */
  readonly reached: string;
}

/**
 * Keys of `meta`. `digest` is the seal; a file without one is checked by its structure alone. `keyed` (keyed.ts) and
 * `signature` (signature.ts) stand only in files that are so, and `held` (when and why) in one that a person went back
 * to; `urgent` is in one that a person wants everywhere at once (waiting.ts). `since` is when its list first served;
 * `created` when this file was made, by a run that began at `started`. `rows` counts those that are there.
 * `directories` are the ids of sources whose catch-alls are a directory's, joined by a blank; not there if none is.
 */
export type MetaKey =
  | "created"
  | "started"
  | "rows"
  | "host"
  | "version"
  | "digest"
  | "keyed"
  | "signature"
  | "since"
  | "held"
  | "urgent"
  | "directories";

/** Tables are created in this order, filled in key order, and never changed afterwards. */
export const ddl = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, domains TEXT NOT NULL,
  read_at INTEGER NOT NULL, tried_at INTEGER NOT NULL, entries INTEGER NOT NULL, fault TEXT NOT NULL,
  reached TEXT NOT NULL DEFAULT ''
);
CREATE TABLE recipient (
  key TEXT NOT NULL, source INTEGER NOT NULL, kind TEXT NOT NULL, entry TEXT NOT NULL,
  rule TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (key, source)
) WITHOUT ROWID;
`;

/** What is in `meta.digest` while the seal is computed. */
export const unsealed = "0".repeat(64);
/** The seal is in these first bytes of the file: `meta` is the first table, so page 2 is its root. */
export const sealWithin = 8192;

/**
 * Finds a seal in `meta` by its length. Where {@link sealOffset} finds none and this does, the word or a digit of the
 * seal is torn: the file is not one without a seal.
 */
export const sealTrace = "SELECT 1 FROM meta WHERE key = 'digest' OR length(value) = 64";

/** Offset of the 64 hex digits of the seal; -1 where the file has none. */
export function sealOffset(head: Uint8Array): number {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, sealWithin)).toString("latin1");
  const match = /digest(?=[0-9a-f]{64})/.exec(text);
  return match === null ? -1 : match.index + match[0].length;
}
