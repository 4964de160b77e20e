/** The report of a drill as text. What came from servers and logs is made visible: nothing of it moves a terminal. */
import { visible } from "../report/visible.ts";
import type { Answer } from "./ask.ts";
import { standingOf } from "./outcome.ts";
import type { Outcome, Standing } from "./outcome.ts";
import type { Paged } from "./paged.ts";

/** What is said of a case, and of a promise of it that was not held. */
const standingWords: Readonly<Record<Standing, string>> = {
  held: "held",
  unprotected: "NOT PROTECTED",
  broken: "NOT HELD",
};

/** The promise that a case's advice is about. */
const advised = "no known recipient refused";

/** What is said of each promise. */
export const promiseWords = {
  "the relay runs": "the relay runs",
  "open relay": "no open relay",
  "nothing lost": "nothing lost",
  "no known recipient refused": "no known recipient refused for good",
} as const;

const whoWords = { known: "known", unknown: "unknown", foreign: "foreign", route: "foreign, as a route" } as const;

/** A line of a case: what it is about, and what is said. */
export interface Fact {
  readonly label: string;
  readonly text: string;
}

/** Answers of a case: one line each, equal ones together. */
export function answerFacts({ answers }: Outcome): Fact[] {
  return answers.map((answer) => ({ label: labelOf(answer), text: `${answer.recipient}: ${answerText(answer)}` }));
}

function labelOf({ who, again }: Answer): string {
  return `${whoWords[who]}${again === true ? ", after a sync" : ""}`;
}

function answerText({ step, code, text }: Answer): string {
  const words = text === "" ? String(code) : text;
  return step === "message" && code < 300 ? `accepted: ${words}` : `${words} (to ${step})`;
}

/** Who would have been paged. */
export function pagedFacts({ rules, page, alert, log }: Paged): Fact[] {
  const firm = rules.map(
    ({ name, severity, after }) => `${name} (${severity}${after === "0m" ? "" : `, after ${after}`})`,
  );
  return [
    { label: "alert rules", text: firm.join(", ") || "none" },
    { label: "status page", text: page.map(({ level, what }) => `${level}: ${what}`).join("; ") || "nothing" },
    { label: "[alert]", text: alert ?? "names nobody" },
    ...log.map(({ by, level, text }) => ({ label: `${by} log`, text: `${level}: ${text}` })),
  ];
}

/** Everything of a case, in order. */
export function factsOf(outcome: Outcome): Fact[] {
  const { sync, status, paged, promises, advice, unprotected } = outcome;
  const standing = standingOf(outcome);
  const help = standing === "unprotected" ? unprotected : advice;
  const runs = sync === undefined ? "" : sync.runs === 1 ? "one run" : `the last of ${sync.runs} runs`;
  return [
    ...answerFacts(outcome),
    ...(sync === undefined ? [] : [{ label: "sync", text: `exit ${sync.code}, ${runs}: ${sync.text}` }]),
    ...(status === undefined ? [] : [{ label: "status", text: `exit ${status.code}: ${status.text}` }]),
    ...(paged === undefined ? [] : pagedFacts(paged)),
    ...promises.flatMap(({ promise, held, why }) =>
      held ? [] : [{ label: standingWords[standing], text: `${promiseWords[promise]}: ${why}` }],
    ),
    // It is about lists, not about who may relay.
    ...(help === undefined || promises.every(({ promise, held }) => held || promise !== advised)
      ? []
      : [{ label: "advice", text: help }]),
  ];
}

/** In one word. */
export function verdictOf(outcome: Outcome): string {
  return outcome.skipped === undefined ? standingWords[standingOf(outcome)] : `skipped: ${outcome.skipped}`;
}

/** Names of the cases that came to this. */
export function namesOf(outcomes: readonly Outcome[], standing: Standing): string[] {
  return outcomes.flatMap((outcome) =>
    outcome.skipped === undefined && standingOf(outcome) === standing ? [outcome.name] : [],
  );
}

/** The last line. */
export function summaryOf(outcomes: readonly Outcome[]): string {
  const [held, unprotected, broken] = (["held", "unprotected", "broken"] as const).map((each) =>
    namesOf(outcomes, each),
  ) as [string[], string[], string[]];
  const count = held.length + broken.length;
  const tried = `${count} ${count === 1 ? "case" : "cases"}`;
  const words = [
    [broken.length > 0, `Promises did not hold in ${broken.length} of ${tried}: ${broken.join(", ")}.`],
    [broken.length === 0 && count > 0, `Every promise held in ${tried}.`],
    [unprotected.length > 0, `Not protected by this configuration: ${unprotected.join(", ")}.`],
    [count + unprotected.length === 0, "No case could be tried."],
  ] as const;
  return words.flatMap(([holds, text]) => (holds ? [text] : [])).join(" ");
}

/** For a terminal. */
export function textReport(outcomes: readonly Outcome[], notes: readonly string[]): string {
  const width = 34;
  const blocks = outcomes.map((outcome) => {
    const lines = factsOf(outcome).map(({ label, text }) => `  ${label.padEnd(width)} ${visible(text)}`);
    return [`${outcome.title} [${outcome.name}]: ${verdictOf(outcome)}`, ...lines, ""].join("\n");
  });
  const head = ["The sandbox differs from the site:", ...notes.map((note) => `- ${visible(note)}`), ""].join("\n");
  return [head, ...blocks, `${summaryOf(outcomes)}\n`].join("\n");
}
