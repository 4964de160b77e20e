/** What is wrong with the bytes of a snapshot file: header, seal, signature, key, tables, in this order. */
import Database from "better-sqlite3";

import { ContentHash } from "./content-hash.ts";
import { applicationId, sealOffset, sealTrace, sealWithin, unsealed, versions } from "./format.ts";
import { createKeyedForm, refuseMark } from "./keyed.ts";
import type { KeyedForm } from "./keyed.ts";
import { inspectSignature } from "./signature.ts";
import { plainTrust } from "./trust.ts";
import type { Trust } from "./trust.ts";
import { errorMessage } from "../report/error-message.ts";

/** Of SQLite, in KiB: every page is read once, so one that stays in memory only takes it. */
const cacheSize = 2000;

/** Why a snapshot cannot serve. */
export type Flaw =
  | "missing"
  | "unreadable"
  | "not a database"
  | "torn"
  | "empty"
  | "wrong id"
  | "wrong version"
  | "wrong key"
  | "wrong signature"
  | "older"
  | "closed";

/** A flaw with the detail for the log. */
export interface Flawed {
  readonly why: Flaw;
  readonly detail: string;
}

/** Says what is wrong with a file's bytes; undefined if nothing is. Reads every page. */
export function inspectBytes(bytes: Buffer, trust: Trust = plainTrust): Flawed | undefined {
  const head = bytes.subarray(0, sealWithin);
  const hash = new ContentHash(head, trust.publicKeys.length > 0);
  hash.update(bytes.subarray(head.length));
  return inspectContent(head, bytes.length, hash, trust) ?? inspectDatabase(bytes, head, trust);
}

/**
 * Says what is wrong with what SQLite has not seen yet: the header, the seal, the signature.
 * @param head the first {@link sealWithin} bytes
 * @param size bytes of the file, all of which have passed through the hash
 */
export function inspectContent(head: Buffer, size: number, hash: ContentHash, trust: Trust): Flawed | undefined {
  return inspectSealed(head, size, hash) ?? inspectSigner(head, hash.signed(), trust);
}

/** Says what is wrong with the header and the seal: whose a file is, is not asked. */
export function inspectSealed(head: Buffer, size: number, hash: ContentHash): Flawed | undefined {
  return inspectHeader(head, size) ?? inspectSeal(head, hash);
}

/**
 * Says what is wrong with the tables.
 * @param content the bytes, or the path of a file that nobody changes
 * @param use is called with a database that is good, before it is closed
 */
export function inspectDatabase(
  content: Buffer | string,
  head: Buffer,
  trust: Trust,
  use: (database: Database.Database) => void = () => undefined,
): Flawed | undefined {
  let database: Database.Database | undefined;
  try {
    database = new Database(content, { readonly: true });
    database.pragma(`cache_size = -${cacheSize}`);
    const flaw = inspectStructure(database, head) ?? inspectMark(database, trust);
    if (flaw === undefined) {
      use(database);
    }
    return flaw;
  } catch (error) {
    return { why: "torn", detail: errorMessage(error) };
  } finally {
    database?.close();
  }
}

/** The fixed places of the file header, https://www.sqlite.org/fileformat.html 1.3. */
function inspectHeader(head: Buffer, length: number): Flawed | undefined {
  if (length < 100 || head.toString("latin1", 0, 16) !== "SQLite format 3\0") {
    return { why: "not a database", detail: `${length} bytes without the header of SQLite` };
  }
  const id = head.readUInt32BE(68);
  if (id !== applicationId) {
    return { why: "wrong id", detail: `application_id is ${id}, not ${applicationId}` };
  }
  const version = head.readUInt32BE(60);
  if (!versions.includes(version)) {
    return { why: "wrong version", detail: `user_version is ${version}, not one of ${versions.join(", ")}` };
  }
  const pageSize = head.readUInt16BE(16) === 1 ? 65_536 : head.readUInt16BE(16);
  const size = pageSize * head.readUInt32BE(28);
  return size === length ? undefined : { why: "torn", detail: `${length} bytes, header says ${size}` };
}

function inspectSeal(head: Buffer, hash: ContentHash): Flawed | undefined {
  const digest = hash.seal();
  const at = sealOffset(head);
  return digest === undefined || head.toString("latin1", at, at + unsealed.length) === digest
    ? undefined
    : { why: "torn", detail: "its checksum is wrong" };
}

/** Says what is wrong with the signature. @param signed what is signed of it; undefined: it is not signed */
export function inspectSigner(head: Buffer, signed: Buffer | undefined, { publicKeys }: Trust): Flawed | undefined {
  const detail = inspectSignature(head, signed, publicKeys);
  return detail === undefined ? undefined : { why: "wrong signature", detail };
}

/** The form of the keys of a hashed file, for who has the secret. */
export function formOf({ secret, match }: Trust): KeyedForm | undefined {
  return secret === undefined ? undefined : createKeyedForm(secret, match);
}

/** Says whose key its keys are hashed with, if it is not that of `trust`. */
export function inspectMark(database: Database.Database, trust: Trust): Flawed | undefined {
  const detail = refuseMark(readMeta(database).mark, formOf(trust));
  return detail === undefined ? undefined : { why: "wrong key", detail };
}

/** Says what is wrong with its pages and rows, or with the trace of its seal. Reads every page. */
export function inspectStructure(database: Database.Database, head: Buffer): Flawed | undefined {
  return inspectTables(database) ?? inspectTrace(database, head);
}

function inspectTrace(database: Database.Database, head: Buffer): Flawed | undefined {
  const isTorn = sealOffset(head) < 0 && database.prepare(sealTrace).get() !== undefined;
  return isTorn ? { why: "torn", detail: "its seal is torn" } : undefined;
}

function inspectTables(database: Database.Database): Flawed | undefined {
  const verdict = database.pragma("quick_check(1)", { simple: true });
  if (verdict !== "ok") {
    return { why: "torn", detail: String(verdict) };
  }
  const rows = database.prepare<[], number>("SELECT count(*) FROM recipient WHERE gone = 0").pluck().get() ?? 0;
  const meta = readMeta(database);
  if (rows !== meta.rows) {
    return { why: "torn", detail: `${rows} rows, meta says ${meta.rows}` };
  }
  if (!Number.isSafeInteger(meta.created)) {
    return { why: "torn", detail: "meta does not say when it was created" };
  }
  const strays = database.prepare("SELECT 1 FROM recipient WHERE source NOT IN (SELECT id FROM source) LIMIT 1").get();
  if (strays !== undefined) {
    return { why: "torn", detail: "a recipient without its source" };
  }
  return rows > 0 ? undefined : { why: "empty", detail: "no recipients" };
}

/** `meta`, read. */
export interface Meta {
  readonly created: number;
  /** Undefined: the file does not say. */
  readonly started: number | undefined;
  readonly rows: number;
  /** Of a hashed file. */
  readonly mark: string | undefined;
  readonly since: number;
  readonly held: string | undefined;
  /** A person wants it at once wherever it goes: nobody waits for canaries. */
  readonly urgent: boolean;
  /** Ids of the sources whose catch-alls are a directory's. */
  readonly directories: ReadonlySet<number>;
}

/** Reads it. */
export function readMeta(database: Database.Database): Meta {
  const value = database.prepare<[string], string>("SELECT value FROM meta WHERE key = ?").pluck();
  const number = (key: string): number => Number(value.get(key) ?? Number.NaN);
  const created = number("created");
  const [since, started] = [number("since"), number("started")];
  return {
    created,
    started: Number.isSafeInteger(started) ? started : undefined,
    rows: number("rows"),
    mark: value.get("keyed"),
    since: Number.isSafeInteger(since) ? since : created,
    held: value.get("held"),
    urgent: value.get("urgent") !== undefined,
    directories: new Set((value.get("directories") ?? "").split(" ").filter(Boolean).map(Number)),
  };
}
