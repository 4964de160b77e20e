/** What a hook came to: data; its words for the log come last. */
import type { Step } from "./step.ts";
import { pass } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

/** The result of a hook. */
export interface Outcome {
  readonly verdict: Verdict;
  /** The check that decided, or that last found something; undefined: none. */
  readonly step: Step | undefined;
  readonly finding: string | undefined;
  /** What a check in mode observe would have said; the verdict is then pass. */
  readonly observed: Verdict | undefined;
}

export const undecided: Outcome = { verdict: pass, step: undefined, finding: undefined, observed: undefined };

/** An outcome whose reply has to wait. */
export async function outcomeAfter(wait: Promise<void>, outcome: Outcome): Promise<Outcome> {
  await wait;
  return outcome;
}

/** What the log line of a recipient says of it; undefined if no check found anything. */
export function wordsOf({ verdict, step, finding, observed }: Outcome): string | undefined {
  if (step === undefined) {
    return undefined;
  }
  if (observed !== undefined) {
    return `${verdictWords(step, observed)} (observe)`;
  }
  return verdict.kind === "pass" ? findingWords(step, finding) : verdictWords(step, verdict);
}

function findingWords({ check }: Step, finding: string | undefined): string | undefined {
  return finding === undefined ? undefined : check.findings?.[finding];
}

function verdictWords(step: Step, verdict: Verdict): string {
  return verdict.kind === "refuse"
    ? (findingWords(step, verdict.finding) ?? refusedFor(step, verdict.reason))
    : verdict.kind;
}

/** "refused (bad sender)". */
export function refusedFor({ check }: Step, reason: string): string {
  return `refused (${check.reasons[reason] ?? reason})`;
}
