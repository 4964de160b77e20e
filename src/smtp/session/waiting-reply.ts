/** Replies that were made before their command: queued by plugins, or refusals of checks in mode later. */
import { withOtherCode } from "../../mail/reply-changes.ts";
import { parseReply, reply } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import type { Decision } from "../../report/event.ts";
import { say } from "../answers.ts";
import type { Response } from "../answers.ts";

/** Whose those are that plugins queued. */
export const queuedBy: Decision = { check: "spp", reason: "plugin" };

/** What plugins have queued with `refuse-later`; undefined: nothing. */
export function queuedResponse(lines: readonly string[]): Response | undefined {
  const queued = queuedReply(lines);
  return queued === undefined ? undefined : say(queued, queuedBy);
}

/** Lines queued by `refuse-later`, as one reply: two of them would be taken for the answers to two commands. */
export function queuedReply(lines: readonly string[]): Reply | undefined {
  if (lines.length === 0) {
    return undefined;
  }
  const replies = lines.filter((line) => parseReply(line) !== undefined);
  const code = replies.at(-1)?.slice(0, 3);
  return code === undefined ? undefined : reply(Number(code), "", ...replies.map((line) => line.slice(4)));
}

/** The codes of a refusal that RCPT may have. RFC 5321 4.3.2; 552 and 452 mean something else to senders. */
const rcptCodes: ReadonlySet<number> = new Set([421, 450, 451, 550, 553]);

/** A refusal of a greeting or of MAIL in the form that RCPT has. */
export function atRcpt(answer: Reply): Reply {
  return rcptCodes.has(answer.code) ? answer : withOtherCode(answer, answer.code < 500 ? 450 : 550);
}
