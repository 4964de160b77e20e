/** Bearer tokens of clients: RFC 6750. One a line in a file, so that a new one is valid before the old one goes. */
import { createHash, timingSafeEqual } from "node:crypto";

/** Tokens of one file. */
const most = 100;
const form = /^[\x21-\x7e]{16,}$/;

/** The tokens in a text, or what is wrong with it. Lines that begin with # are comments. */
export function parseTokens(text: string): readonly string[] | { readonly line: number; readonly why: string } {
  const lines = text.split("\n").map((line, i) => ({ token: line.trim(), line: i + 1 }));
  const given = lines.filter(({ token }) => token !== "" && !token.startsWith("#"));
  const wrong = given.find(({ token }) => !form.test(token));
  if (wrong !== undefined) {
    return { line: wrong.line, why: "the token must be one word of 16 characters or more" };
  }
  return given.length === 0 || given.length > most
    ? { line: 1, why: `there must be from 1 to ${most} tokens, one per line` }
    : given.map(({ token }) => token);
}

/** Whether a request has one of the tokens: all are compared, whichever fits. @param authorization its header field */
export function isBearer(authorization: string | undefined, tokens: readonly string[]): boolean {
  const [, given = ""] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const own = digest(given);
  return tokens.map((token) => timingSafeEqual(own, digest(token))).includes(true);
}
