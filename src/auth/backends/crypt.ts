/** Password hashes of databases: MD5-crypt, SHA-256-crypt, SHA-512-crypt and bcrypt. For a thread of its own: they take long. */
import { timingSafeEqual } from "node:crypto";

import { compare } from "bcryptjs";
import { encrypt } from "unixcrypt";

import { md5Crypt } from "./md5-crypt.ts";

/** About a second of work; a hash that asks for more would keep everybody else waiting. */
const maxRounds = 1_000_000;
/** bcrypt's logarithm of the work. */
const maxCost = 14;

/** Whether the password fits; undefined: no such hash is known here. */
export async function fitsCrypt(password: string, hash: string): Promise<boolean | undefined> {
  const md5 = /^\$1\$([^$]{0,8})\$[./0-9A-Za-z]{22}$/.exec(hash);
  if (md5 !== null) {
    return same(md5Crypt(password, md5[1] ?? ""), hash);
  }
  const sha = /^(\$[56]\$(?:rounds=(\d{4,9})\$)?[^$]{1,16})\$(?:[./0-9A-Za-z]{43}|[./0-9A-Za-z]{86})$/.exec(hash);
  if (sha !== null) {
    return Number(sha[2] ?? 0) > maxRounds ? undefined : same(encrypt(password, sha[1]), hash);
  }
  const bcrypt = /^\$2[aby]\$(\d\d)\$[./0-9A-Za-z]{53}$/.exec(hash);
  if (bcrypt !== null) {
    return Number(bcrypt[1]) > maxCost ? undefined : await compare(password, hash);
  }
  return undefined;
}

/** In the same time, wherever they differ. */
export function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
