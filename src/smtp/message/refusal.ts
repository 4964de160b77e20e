/** From the verdict on a message to the reply. */
import type { Outcome } from "../../hooks/outcome.ts";
import type { Response } from "../answers.ts";
import { decisionOf } from "../decision.ts";

/** Undefined: the message may go on. No reply: the connection ends without a word. */
export function refusalOf(outcome: Outcome): Response | undefined {
  const { verdict } = outcome;
  switch (verdict.kind) {
    case "refuse":
      return { reply: verdict.reply, close: verdict.close === true, by: decisionOf(outcome) };
    case "drop":
      return { reply: undefined, close: true, by: decisionOf(outcome) };
    case "pass":
    case "next":
    case "ok":
    case "accept-session":
      return undefined;
  }
}
