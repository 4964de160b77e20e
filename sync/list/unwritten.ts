/**
 * Whether a list that says just what the previous one said need not be written again. Its age is part of the file,
 * below its seal and its signature: so it is written again once it has a certain age. Until
 * then it is fresher than it says, which is never the reason of a refusal. docs/design.md "The snapshot".
 */
import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";

import { hashFile } from "../../src/snapshot/content-hash.ts";
import type { SourceRow } from "../../src/snapshot/format.ts";
import { inspectSignature } from "../../src/snapshot/signature.ts";
import { directoriesOf } from "./build.ts";
import type { Previous } from "./previous.ts";

/** What a new file would say, beside its times. */
export interface Statement {
  /** Where it would be. */
  readonly path: string;
  readonly sources: readonly SourceRow[];
  /** Of goodmailto. */
  readonly version: string;
  readonly signer: KeyObject | undefined;
  /** Ids of sources whose catch-alls are a directory's. */
  readonly directories: readonly number[];
}

/**
 * Whether the previous file may stay.
 * @param previous with the rows of the new list
 * @param age ms; an older file is written again
 */
export function mayStay(
  previous: Previous,
  { path, sources, version, signer, directories }: Statement,
  now: number,
  age: number,
): boolean {
  const old = now - previous.created;
  return (
    old >= 0 &&
    old < age &&
    previous.path === path &&
    previous.host === hostname() &&
    previous.version === version &&
    previous.isSigned === (signer !== undefined) &&
    previous.directories === directoriesOf(path, directories) &&
    sources.every((source) => isTold(source, previous)) &&
    (signer === undefined || isSignedBy(path, signer))
  );
}

/** Whether the old file says the same of a source, which was read completely. */
function isTold({ name, domains, entries, fault }: SourceRow, { sources }: Previous): boolean {
  const old = sources.get(name);
  return fault === "" && old?.fault === "" && old.domains === domains && old.entries === entries;
}

/** Relays may ask for the signature of a new key from now on. */
function isSignedBy(path: string, signer: KeyObject): boolean {
  const key = createPublicKey(signer).export({ type: "spki", format: "pem" }).toString();
  const file = openSync(path, "r");
  try {
    const { head, hash } = hashFile(file, true);
    return inspectSignature(head, hash.signed(), [key]) === undefined;
  } finally {
    closeSync(file);
  }
}
