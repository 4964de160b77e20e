/** From the result of the checks to the reply. */
import { setTimeout as wait } from "node:timers/promises";

import type { Outcome } from "../../hooks/outcome.ts";
import type { Session } from "../../hooks/session.ts";
import type { Refusal } from "../../hooks/verdict.ts";
import type { Reply } from "../../mail/reply.ts";
import type { Decision } from "../../report/event.ts";
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

/** The same for a function that needs something else, too: on the way of most recipients, nothing is made for it. */
export function afterWith<In, With, Out>(
  value: In | Promise<In>,
  other: With,
  go: (value: In, other: With) => Out | Promise<Out>,
): Out | Promise<Out> {
  return value instanceof Promise ? later(value, other, go) : go(value, other);
}

function later<In, With, Out>(
  value: Promise<In>,
  other: With,
  go: (value: In, other: With) => Out | Promise<Out>,
): Promise<Out> {
  return value.then((settled) => go(settled, other));
}

/** The response to what a check refuses. @param said its reply, in the form that the command has */
export function refusalOf({ close }: Refusal, said: Reply, by: Decision): Response {
  return close === true ? sayAndClose(said, by) : say(said, by);
}

/** The response that a verdict makes; undefined if the command continues. */
export function responseOf(outcome: Outcome): Response | undefined {
  const { verdict } = outcome;
  switch (verdict.kind) {
    case "refuse":
      return refusalOf(verdict, verdict.reply, decisionOf(outcome));
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
 * The reply to an unknown recipient: at once, later, or 421 in its place. What checks have delayed it already counts.
 */
export function afterSentence(sentence: Sentence, usual: Response, session: Pick<Session, "elapsed">): Answering {
  switch (sentence.kind) {
    case "disconnect":
      // What it is in place of is counted.
      return { ...answers.tooManyUnknown, by: { ...limitDecision("harvest"), counted: true } };
    case "reply": {
      // Most are answered at once: they need no look at the clock.
      const left = sentence.wait === 0 ? 0 : sentence.wait - session.elapsed();
      return left <= 0 ? usual : wait(left, usual, { ref: false });
    }
  }
}
