/** CRAM-MD5: the password does not cross the line, but its owner proves to know it. RFC 2195. */
import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";

/** What a client makes of a challenge and its password. */
export interface Proof {
  readonly challenge: string;
  /** 32 hexadecimal digits, small letters. */
  readonly digest: string;
}

/** Different for every login, so that no answer can be used twice. */
export function makeChallenge(hostname: string): string {
  return `<${randomUUID()}@${hostname}>`;
}

/** Whether the proof was made with this password. */
export function proves({ challenge, digest }: Proof, password: string): boolean {
  const expected = createHmac("md5", password).update(challenge).digest("hex");
  return digest.length === expected.length && timingSafeEqual(Buffer.from(digest, "latin1"), Buffer.from(expected));
}
