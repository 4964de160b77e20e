/** What came of one case: answers, who was paged, and whether the promises of docs/design.md held. */
import type { Case } from "./cases.ts";
import type { Answer } from "./ask.ts";
import type { Paged } from "./paged.ts";
import type { Totals } from "../ops/metrics.ts";

/** One promise. */
export interface Promised {
  readonly promise: "the relay runs" | "open relay" | "nothing lost" | "no known recipient refused";
  readonly held: boolean;
  /** What was seen, where it was not held. */
  readonly why: string;
}

/** The last of the syncs after the fault. */
export interface SyncEnd {
  readonly runs: number;
  readonly code: number;
  /** Its words. */
  readonly text: string;
}

/** One case. */
export interface Outcome {
  readonly name: string;
  readonly title: string;
  readonly group: Case["group"];
  /** Why it was not tried; everything below is then empty. */
  readonly skipped?: string | undefined;
  readonly sync?: SyncEnd | undefined;
  /** `goodmailto status`: exit code and first line. */
  readonly status?: { readonly code: number; readonly text: string } | undefined;
  readonly answers: readonly Answer[];
  readonly paged?: Paged | undefined;
  /** What Prometheus would have read: before the fault ({}: the relay started with it), and after; no histograms. */
  readonly metrics?: readonly Totals[] | undefined;
  readonly promises: readonly Promised[];
  /** What helps where a promise was not held. */
  readonly advice?: string | undefined;
  /** What the configuration lacks, so that known recipients are refused here; undefined: nothing. */
  readonly unprotected?: string | undefined;
  /** ms */
  readonly time: number;
}

/** The only promise that a configuration may go without. */
const optional = "no known recipient refused";

/** held: everything; unprotected: what was not held is what the configuration does not protect from; broken: the rest. */
export type Standing = "held" | "unprotected" | "broken";

/** What a case came to; held too if it was skipped. */
export function standingOf({ promises, unprotected }: Outcome): Standing {
  const broken = promises.filter(({ held }) => !held);
  return broken.length === 0
    ? "held"
    : unprotected !== undefined && broken.every(({ promise }) => promise === optional)
      ? "unprotected"
      : "broken";
}

/**
 * Judges the answers.
 * @param taken subjects of the messages that the next hop took
 */
export function judge(answers: readonly Answer[], taken: readonly string[], hopRefuses: boolean): Promised[] {
  const known = answers.filter(({ who }) => who === "known");
  const open = answers.filter(({ who, step }) => (who === "foreign" || who === "route") && isPast(step));
  const lost = answers.filter(
    ({ step, code, subject }) => step === "message" && code === 250 && !taken.includes(subject),
  );
  const refused = known.filter(({ code }) => code >= 500 && !hopRefuses);
  return [
    promised("open relay", open, "was accepted"),
    promised("nothing lost", lost, "was answered 250, and the next hop does not have it"),
    promised("no known recipient refused", refused, "was refused for good"),
  ];
}

/** A recipient was accepted if the conversation came beyond RCPT. */
function isPast(step: Answer["step"]): boolean {
  return step === "DATA" || step === "message";
}

function promised(promise: Promised["promise"], wrong: readonly Answer[], words: string): Promised {
  const list = wrong.map(({ recipient, code, text }) => `${recipient} ${words} (${text === "" ? code : text})`);
  return { promise, held: wrong.length === 0, why: list.join("; ") };
}
