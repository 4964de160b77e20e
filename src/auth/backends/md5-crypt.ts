/** MD5-crypt, `$1$SALT$HASH`, as crypt(3) of FreeBSD and Linux makes it: vpopmail's default. */
import { createHash } from "node:crypto";

const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Which octets of the digest go together into four letters. */
const groups: readonly (readonly [number, number, number])[] = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
];

/** @param salt at most 8 letters */
export function md5Crypt(password: string, salt: string): string {
  const [key, salted] = [Buffer.from(password), Buffer.from(salt)];
  const inner = md5(key, salted, key);
  const parts: Buffer[] = [key, Buffer.from("$1$"), salted];
  for (let left = key.length; left > 0; left -= 16) {
    parts.push(inner.subarray(0, Math.min(left, 16)));
  }
  // An oddity of the original: a zero octet for a bit that is set, the password's first one for the others.
  for (let length = key.length; length > 0; length >>= 1) {
    parts.push((length & 1) === 1 ? Buffer.alloc(1) : key.subarray(0, 1));
  }
  let digest = md5(...parts);
  for (let i = 0; i < 1000; i++) {
    const [first, last] = i % 2 === 1 ? [key, digest] : [digest, key];
    digest = md5(first, ...(i % 3 === 0 ? [] : [salted]), ...(i % 7 === 0 ? [] : [key]), last);
  }
  return `$1$${salt}$${letters(digest)}`;
}

function md5(...parts: readonly Buffer[]): Buffer {
  const hash = createHash("md5");
  parts.forEach((part) => hash.update(part));
  return hash.digest();
}

function letters(digest: Buffer): string {
  const at = (i: number): number => digest[i] ?? 0;
  const text = groups.map(([a, b, c]) => encode((at(a) << 16) | (at(b) << 8) | at(c), 4));
  return [...text, encode(at(11), 2)].join("");
}

/** Six bits a letter, the lowest first. */
function encode(value: number, count: number): string {
  return Array.from({ length: count }, (_, i) => alphabet[(value >> (6 * i)) & 0x3f]).join("");
}
