/** How a list is protected on its way out: hashed, signed, both or neither. src/snapshot/keyed.ts, signature.ts. */
import { createPrivateKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { writeSync } from "node:fs";

import { hashFile } from "../../src/snapshot/content-hash.ts";
import type { MetaKey, SourceRow } from "../../src/snapshot/format.ts";
import type { KeyedForm } from "../../src/snapshot/keyed.ts";
import { signatureOffset, signHash, unsigned } from "../../src/snapshot/signature.ts";
import type { Previous } from "../list/previous.ts";
import type { ReadResult } from "../read/read.ts";
import { hashDn, hashRule } from "../convert/restrictions.ts";
import type { Scratch } from "../read/scratch.ts";

/** What a list is protected by. */
export interface Protection {
  /** Undefined: addresses stand as they are. */
  readonly form: KeyedForm | undefined;
  /** Undefined: not signed. */
  readonly signer: KeyObject | undefined;
}

/** Neither hashed nor signed. */
export const unprotected: Protection = { form: undefined, signer: undefined };

/** The private key in PEM. @throws Error if it is not an Ed25519 key */
export function parseSigner(text: string): KeyObject {
  const key = createPrivateKey(text);
  if (key.asymmetricKeyType !== "ed25519") {
    throw new TypeError(`Cannot sign with a key of type ${key.asymmetricKeyType ?? "unknown"}: Ed25519 is needed`);
  }
  return key;
}

/** The scratch file as sources are to see it: in a hashed list nothing that names a person is ever written. */
export function protectScratch(scratch: Scratch, { form }: Protection): Scratch {
  if (form === undefined) {
    return scratch;
  }
  const add: Scratch["add"] = (source, rows) =>
    scratch.add(
      source,
      rows.map(({ key, kind, rule = "", gone = 0 }) => ({
        key: form.hash(key),
        kind,
        entry: "",
        rule: hashRule(rule, form.hash),
        gone,
      })),
    );
  const addPeople: Scratch["addPeople"] = (source, people) =>
    scratch.addPeople(
      source,
      people.map(({ dn, keys }) => ({ dn: hashDn(dn, form.hash), keys: keys.map(form.hash) })),
    );
  return { ...scratch, add, addPeople };
}

/** A source's row without what a server said: an error may name an entry. The log has it. */
export function protectSource(row: SourceRow, { form }: Protection): SourceRow {
  return form === undefined || row.fault === "" ? row : { ...row, fault: "failed, see the log of sync" };
}

/** The keys of `meta` beside the usual ones. */
export function protectionMeta({ form, signer }: Protection): Partial<Record<MetaKey, string>> {
  return {
    ...(form === undefined ? {} : { keyed: form.mark }),
    ...(signer === undefined ? {} : { signature: unsigned }),
  };
}

/** Why a source that failed cannot keep its rows: they are hashes of another key, or were none. */
export function refuseCarryOver(
  results: readonly ReadResult[],
  previous: Previous | undefined,
  { form }: Protection,
): string | undefined {
  const failed = results.find(({ name, fault }) => fault !== "" && (previous?.sources.get(name)?.rows ?? 0) > 0);
  return failed === undefined || previous?.mark === form?.mark
    ? undefined
    : `Source "${failed.name}" failed, and its previous addresses use a different HMAC secret. After a change of ` +
        `[snapshot] key_file or [recipients] match every source must be read: ${failed.fault}`;
}

/**
 * When a new list is made, in ms since 1970. Relays refuse a signed one that is older than what they had: a clock
 * that was set back must not stop the lists.
 */
export function createdAfter(previous: Previous | undefined, now: number, { signer }: Protection): number {
  return signer === undefined || previous === undefined ? now : Math.max(now, previous.created + 1);
}

/**
 * Signs a file that is complete but for its signature and its seal.
 * @throws Error if it has no place for a signature
 */
export function signFile(file: number, signer: KeyObject): void {
  const { head, hash } = hashFile(file, true);
  const [at, signed] = [signatureOffset(head), hash.signed()];
  if (signed === undefined) {
    throw new Error("Cannot sign the new snapshot: it has no place for a signature");
  }
  writeSync(file, signHash(signed, signer), at, "latin1");
}
