/** Identifiers of sessions: 80 random bits, as the library makes them, but a system call for 100 instead of for each. */
import { randomFillSync } from "node:crypto";

const bytesEach = 10;
const pool = Buffer.alloc(100 * bytesEach);
let used = pool.length;

/** Sixteen letters and digits that no other session has. */
export function sessionId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const digits = pool.toString("hex", used, (used += bytesEach));
  return BigInt(`0x${digits}`).toString(32).padStart(16, "0");
}
