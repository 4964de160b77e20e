/**
 * What a client may still say that was refused when it connected: it may greet and name a sender, and has the refusal
 * for each command that could lead to a message. Verbs and answers are those of ucspi-tcp's rblsmtpd, seen by running
 * it.
 */
import type { Outcome } from "../../hooks/outcome.ts";
import { reply } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import type { Decision } from "../../report/event.ts";
import { answers, say } from "../answers.ts";
import type { Response } from "../answers.ts";
import { decisionOf } from "../decision.ts";

/** The session of a client that was refused when it connected. Nothing of it reaches a check or a next hop. */
export class LimitedConversation {
  #refusal: Response;
  readonly #hello: Response;
  readonly #end: number;

  /** @param time how long it may last, ms */
  constructor(refusal: Reply, by: Decision, hostname: string, time: number) {
    this.#refusal = say(refusal, by);
    this.#hello = say(reply(250, "", hostname));
    this.#end = performance.now() + time;
  }

  answer(verb: string): Response {
    switch (verb) {
      case "HELO":
      case "EHLO":
        return this.#hello;
      case "MAIL":
        return answers.senderOk;
      case "RSET":
        return answers.flushed;
      case "NOOP":
        return answers.ok;
      case "QUIT":
        return answers.bye;
    }
    const refusal = this.#refusal;
    // The first one was counted at the connection.
    this.#refusal = { ...refusal, by: refusal.by && { ...refusal.by, counted: false } };
    return refusal;
  }

  /** @param now by performance.now() */
  isOver(now: number): boolean {
    return now > this.#end;
  }
}

/** The limited conversation that a verdict asks for; undefined if the session continues, or ends. */
export function limitedBy(outcome: Outcome, hostname: string): LimitedConversation | undefined {
  const { verdict } = outcome;
  return verdict.kind === "refuse" && verdict.limited !== undefined && verdict.close !== true
    ? new LimitedConversation(verdict.reply, decisionOf(outcome), hostname, verdict.limited)
    : undefined;
}
