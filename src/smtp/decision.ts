/** Who decided, for the record. */
import type { Outcome } from "../hooks/outcome.ts";
import type { Decision } from "../report/event.ts";

/** The name under which the server's own verdicts are logged and counted. */
export const serverName = "goodmailto";

/** The decision of a hook. */
export function decisionOf({ verdict, step }: Outcome): Decision {
  const check = step?.label ?? serverName;
  return verdict.kind === "refuse" ? { check, reason: verdict.reason, counted: true } : { check };
}

/** The server itself, by one of its limits: it has a line of its own. */
export function limitDecision(reason: string): Decision {
  return { check: serverName, reason, told: true };
}
