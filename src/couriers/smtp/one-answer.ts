/**
 * The answers of an LMTP server to a final dot, one for each recipient, as the one answer that SMTP has. RFC 2033 4.2.
 */
import type { Reply } from "../../mail/reply.ts";
import { isSuccess, misunderstood } from "./fitting.ts";
import type { HopReply } from "./reply-reader.ts";

/**
 * A success only if all are. Otherwise a refusal, and a temporary one if there is any: what is tried again reaches those
 * who lack the message, though it may reach others twice.
 */
export function oneAnswer(answers: readonly HopReply[]): Reply {
  const replies = answers.map(({ reply }) => reply);
  const refusals = replies.filter(({ code }) => !isSuccess(code));
  return refusals.find(({ code }) => code < 500) ?? refusals[0] ?? replies[0] ?? misunderstood;
}
