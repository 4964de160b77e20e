/** What a file's seal and its signature are made over: SHA-256 of its bytes, in which both count as zeros. */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { readSync } from "node:fs";

import { sealOffset, sealWithin, unsealed } from "./format.ts";
import { signatureOffset, unsigned } from "./signature.ts";

/** Bytes that are read at a time. */
const piece = 1 << 20;

/** The hashes of one file, whose bytes pass in their order after its head. */
export class ContentHash {
  /** Of the seal: only the seal itself counts as zeros. Undefined: the file has none. */
  readonly #sealed: Hash | undefined;
  /** Of the signature: both count as zeros. Undefined: it is not signed, or nobody asks. */
  readonly #signed: Hash | undefined;

  /**
   * @param head the first {@link sealWithin} bytes, or all if there are fewer
   * @param wantsSigned whether anybody asks what was signed
   */
  constructor(head: Buffer, wantsSigned: boolean) {
    const seal = sealOffset(head);
    const signature = wantsSigned ? signatureOffset(head) : -1;
    const copy = Buffer.from(head.subarray(0, sealWithin));
    if (seal >= 0) {
      copy.write(unsealed, seal, "latin1");
      this.#sealed = createHash("sha256").update(copy);
    }
    if (signature >= 0) {
      copy.write(unsigned, signature, "latin1");
      this.#signed = createHash("sha256").update(copy);
    }
  }

  /** Takes the next bytes. */
  update(bytes: Uint8Array): void {
    this.#sealed?.update(bytes);
    this.#signed?.update(bytes);
  }

  /** The seal as it should be, in hex; nothing more may pass. */
  seal(): string | undefined {
    return this.#sealed?.digest("hex");
  }

  /** What is signed; nothing more may pass. */
  signed(): Buffer | undefined {
    return this.#signed?.digest();
  }
}

/** An open file, hashed in pieces; none are kept but its first bytes. @param wantsSigned whether anybody asks what was signed */
export function hashFile(
  file: number,
  wantsSigned: boolean,
): { readonly head: Buffer; readonly size: number; readonly hash: ContentHash } {
  const buffer = Buffer.allocUnsafe(piece);
  const read = (offset: number): Buffer => buffer.subarray(0, readSync(file, buffer, 0, piece, offset));
  const first = read(0);
  const head = Buffer.from(first.subarray(0, sealWithin));
  const hash = new ContentHash(head, wantsSigned);
  hash.update(first.subarray(head.length));
  let size = first.length;
  for (let next = read(size); next.length > 0; next = read(size)) {
    hash.update(next);
    size += next.length;
  }
  return { head, size, hash };
}
