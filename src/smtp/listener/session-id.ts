/** Identifiers of sessions: 80 random bits, as the library makes them, but a system call for 100 instead of for each. */
import { randomFillSync } from "node:crypto";

/** 32 digits: 5 bits of a random octet each. */
const digits = "0123456789abcdefghijklmnopqrstuv";
const length = 16;
const pool = Buffer.alloc(100 * length);
let used = pool.length;

/** Sixteen letters and digits that no other session has. */
export function sessionId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    for (let i = 0; i < pool.length; i++) {
      pool[i] = digits.charCodeAt((pool[i] ?? 0) & 31);
    }
    used = 0;
  }
  return pool.toString("latin1", used, (used += length));
}
