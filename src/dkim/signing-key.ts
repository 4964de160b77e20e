/** Private keys of DKIM: read from files, and made. RFC 6376 3.3, RFC 8301 3.2, RFC 8463. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

import { Watched } from "../files/watched.ts";

export const algorithms = ["rsa", "ed25519"] as const;
export type Algorithm = (typeof algorithms)[number];

/** Bytes of a key file. */
const maxBytes = 65_536;
/** RFC 8301 3.2: verifiers do not accept less. */
const leastBits = 1024;
/** Of a new key: more does not fit into one UDP answer. */
const newBits = 2048;

/**
 * The key in a file, as it was at most a second ago; undefined while there was never a good one.
 * @param now ms
 * @param fault is called once with the reason if it cannot be used; the previous key stays
 */
export function openKey(path: string, now: () => number, fault: (why: string) => void): Watched<KeyObject | undefined> {
  const make = () => ({ value: readKey(path), looked: [path] });
  return new Watched<KeyObject | undefined>(undefined, [path], make, now, fault);
}

/** Reads a key in PEM. @throws Error that names the file */
export function readKey(path: string): KeyObject {
  const facts = statSync(path);
  if (!facts.isFile() || facts.size > maxBytes) {
    throw new RangeError(`Cannot read "${path}": not a plain file of at most ${maxBytes} bytes`);
  }
  let key: KeyObject;
  const pem = readFileSync(path);
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    // What the library says of a file may quote it.
    throw new TypeError(`Cannot use "${path}": not a private key in PEM without a password`, { cause: error });
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType === "rsa" ? bits < leastBits : key.asymmetricKeyType !== "ed25519") {
    throw new RangeError(`Cannot use "${path}": allowed are Ed25519, and RSA of at least ${leastBits} bits`);
  }
  return key;
}

/** A new key. @returns PEM */
export function makeKey(algorithm: Algorithm): string {
  const { privateKey } =
    algorithm === "rsa" ? generateKeyPairSync("rsa", { modulusLength: newBits }) : generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** What DNS must hold at SELECTOR._domainkey.DOMAIN. RFC 6376 3.6.1, RFC 8463 4. @param pem a private key */
export function keyRecord(pem: string): string {
  const key = createPublicKey(pem);
  const der = key.export({ type: "spki", format: "der" });
  const isRsa = key.asymmetricKeyType === "rsa";
  // An Ed25519 key is published bare: the last 32 octets.
  return `v=DKIM1; k=${isRsa ? "rsa" : "ed25519"}; p=${(isRsa ? der : der.subarray(-32)).toString("base64")}`;
}
