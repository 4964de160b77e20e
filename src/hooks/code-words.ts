/**
 * Code words of qpsmtpd's list files as verdicts. Numbers are qpsmtpd's, but that a message is refused with 554 or 451,
 * not with 552 or 452: RFC 5321 4.2.3 has those for messages that are too large and for storage that is full. Who wants
 * qpsmtpd's anyway has `[smtp] qpsmtpd_codes`.
 */
import { withOtherCode } from "../mail/reply-changes.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import type { HookName } from "./hook-names.ts";
import { refuse } from "./verdict.ts";
import type { Refusal } from "./verdict.ts";

/** What a word means. `accept` of a list never opens relaying. */
export type Code =
  | { readonly kind: "pass" }
  | { readonly kind: "accept" }
  | { readonly kind: "refuse"; readonly permanent: boolean; readonly close: boolean };

export type RefusingCode = Extract<Code, { kind: "refuse" }>;

const words: Readonly<Record<string, Code>> = {
  OK: { kind: "accept" },
  DONE: { kind: "accept" },
  DECLINED: { kind: "pass" },
  DENY: { kind: "refuse", permanent: true, close: false },
  DENYSOFT: { kind: "refuse", permanent: false, close: false },
  DENYHARD: { kind: "refuse", permanent: true, close: true },
  DENY_DISCONNECT: { kind: "refuse", permanent: true, close: true },
  DENYSOFT_DISCONNECT: { kind: "refuse", permanent: false, close: true },
};

/** Reads a word, in capitals or small letters; undefined if it is none. */
export function parseCode(word: string): Code | undefined {
  const capitals = word.toUpperCase();
  const isPlain = word === capitals || word === word.toLowerCase();
  return isPlain && Object.hasOwn(words, capitals) ? words[capitals] : undefined;
}

/** Refuses as a word says. @param subject the last two numbers of the enhanced code, "7.1" */
export function refuseBy<const Reason extends string>(
  { permanent, close }: RefusingCode,
  hook: HookName,
  reason: Reason,
  subject: string,
  text: string,
): Refusal<Reason, never> {
  const isLate = hook === "data" || hook === "header" || hook === "message";
  const number = permanent ? (isLate ? 554 : 550) : isLate ? 451 : 450;
  return refuse(reason, reply(number, `${permanent ? 5 : 4}.${subject}`, text), { close });
}

/** qpsmtpd's numbers at its hook data_post, which is `message` here, by those of goodmailto. */
const numbersOfQpsmtpd: ReadonlyMap<number, number> = new Map([
  [554, 552],
  [451, 452],
]);

/** A check's refusal with qpsmtpd's number; at other hooks than `message` the numbers are the same. */
export function withQpsmtpdCode(answer: Reply, hook: HookName): Reply {
  const number = hook === "message" ? numbersOfQpsmtpd.get(answer.code) : undefined;
  return number === undefined ? answer : withOtherCode(answer, number);
}
