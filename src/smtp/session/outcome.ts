/** From the result of the checks to the reply. */
import { setTimeout as wait } from "node:timers/promises";

import type { Outcome } from "../../hooks/outcome.ts";
import { answers, dropped, say, sayAndClose } from "../answers.ts";
import type { Response } from "../answers.ts";
import { decisionOf, limitDecision } from "../decision.ts";
import type { Sentence } from "../harvest/harvest.ts";

/** A response now, or after I/O. */
export type Answering = Response | Promise<Response>;

/** Continues with a value, at once if it is already there. */
export function after<In, Out>(value: In | Promise<In>, go: (value: In) => Out | Promise<Out>): Out | Promise<Out> {
  return value instanceof Promise ? value.then(go) : go(value);
}

/** The response that a verdict makes; undefined if the command continues. */
export function responseOf(outcome: Outcome): Response | undefined {
  const { verdict } = outcome;
  switch (verdict.kind) {
    case "refuse":
      return {
        ...(verdict.close === true ? sayAndClose(verdict.reply) : say(verdict.reply)),
        by: decisionOf(outcome),
      };
    case "drop":
      return { ...dropped, by: decisionOf(outcome) };
    case "pass":
    case "next":
    case "ok":
    case "accept-session":
      return undefined;
  }
}

/**
 * The reply to an unknown recipient: at once, later, or 421 in its place. @param waited ms that checks have delayed it
 * already
 */
export function afterSentence(sentence: Sentence, usual: Response, waited: () => number): Answering {
  switch (sentence.kind) {
    case "disconnect":
      // What it is in place of is counted.
      return { ...answers.tooManyUnknown, by: { ...limitDecision("harvest"), counted: true } };
    case "reply": {
      // Most are answered at once: they need no look at the clock.
      const left = sentence.wait === 0 ? 0 : sentence.wait - waited();
      return left <= 0 ? usual : wait(left, usual, { ref: false });
    }
  }
}
