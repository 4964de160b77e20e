/** What a next hop's answer is to our client: nothing but a 250 of the hop's becomes one of ours. */
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";

const unheard = (...words: Parameters<typeof reply>): Reply => ({ ...reply(...words), said: 0 });

/** The answers of ours where the hop gave none. */
export const notAvailable = unheard(451, "4.4.1", "Next hop is not available, try again later");
/** It was there, and is gone. */
export const lost = unheard(451, "4.4.2", "Lost the next hop, try again later");
/** The configuration names no hop. */
export const noRoute = unheard(451, "4.3.5", "No route to this domain");
/** One hop a transaction. */
export const otherRoute = unheard(452, "4.5.3", "Send this recipient in a message of its own");
/** It said something else than it was asked. */
export const misunderstood = unheard(451, "4.3.0", "Next hop gave no fitting answer, try again later");

/**
 * The hop's answer as ours: one of the wanted codes, a 4xx, a 5xx. 421 would end the client's session and is
 * told as 451; anything else was no answer to the question.
 */
export function fitting(answer: Reply, wanted: readonly number[]): Reply {
  if (wanted.includes(answer.code)) {
    return answer;
  }
  if (answer.code === 421) {
    return { code: 451, wire: `451${answer.wire.slice(3)}`, said: 421 };
  }
  return answer.code >= 400 ? answer : { ...misunderstood, said: answer.code };
}

/** Whether an answer of ours stands for one that did not fit; a hop that is a goodmailto may say the same words itself. */
export function isMisfit({ wire, said }: Reply): boolean {
  return said !== undefined && wire === misunderstood.wire;
}
