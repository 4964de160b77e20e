/**
 * Password hashes as text, in PHC string format: `$scrypt$ln=15,r=8,p=1$salt$hash`, base64 without padding.
 * RFC 7914. The work is done in libuv's threads, never on the event loop.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** A hash with what it was made with. */
export interface ScryptHash {
  /** Logarithm of the cost N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** 32 MiB and about a tenth of a second: OWASP's least for interactive logins is 2^14 with p=5, or 2^15 with p=3. */
const cost = { ln: 15, r: 8, p: 3 } as const;
const length = 32;
/** How much memory and work a hash may need; a larger one would starve the relay. */
const maxMemory = 256 * 1024 * 1024;
const maxWork = 2 ** 24;

/** Reads a hash; text that says what is wrong if it is none. */
export function parseHash(text: string): ScryptHash | string {
  const match =
    /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d{0,2}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{22,88})$/.exec(
      text,
    );
  if (match === null) {
    return "is not a scrypt hash; allowed: $scrypt$ln=15,r=8,p=3$SALT$HASH as `goodmailto passwd` writes it, or {PLAIN}PASSWORD";
  }
  const [ln, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (ln < 10 || 128 * r * 2 ** ln > maxMemory || r * p * 2 ** ln > maxWork) {
    return "asks for too little or too much work; allowed: ln from 10, at most 256 MiB (128 * r * 2^ln), r * p * 2^ln at most 2^24";
  }
  return { ln, r, p, salt: Buffer.from(match[4] ?? "", "base64"), hash: Buffer.from(match[5] ?? "", "base64") };
}

/** Makes a hash with a fresh salt. */
export async function makeHash(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, { ...cost, salt, hash: Buffer.alloc(length) });
  const unpadded = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Whether the password fits, in the same time whether it does or not. */
export async function verifyHash(password: string, expected: ScryptHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, expected), expected.hash);
}

/** A hash that nobody knows a password for, and that costs as much as the given one: for users that do not exist. */
export function dummyHash({ ln, r, p }: Pick<ScryptHash, "ln" | "r" | "p"> = cost): ScryptHash {
  return { ln, r, p, salt: randomBytes(16), hash: randomBytes(length) };
}

function derive(password: string, { ln, r, p, salt, hash }: ScryptHash): Promise<Buffer> {
  const options = { N: 2 ** ln, r, p, maxmem: 2 * maxMemory };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hash.length, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
