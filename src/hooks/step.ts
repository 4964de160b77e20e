/** A check in its place in the pipeline, with what the configuration says of it. */
import type { Exemption, Mode } from "../config/check-words.ts";
import { labelsBy } from "../report/counters.ts";
import type { CheckDefinition, CheckRun } from "./check.ts";
import type { Need } from "./message.ts";

/** What every check has in common; undefined keeps what the check itself says. */
export interface CommonSettings {
  readonly mode: Mode;
  readonly unless: readonly Exemption[];
  readonly points: number;
  /** False turns 5xx into 4xx. */
  readonly permanent?: boolean | undefined;
  readonly close?: boolean | undefined;
  /** The text of the reply, in place of the check's own. */
  readonly reply?: string | undefined;
  /** Refuses messages with qpsmtpd's numbers: `[smtp] qpsmtpd_codes`. */
  readonly qpsmtpdCodes?: boolean;
}

/** One check of the pipeline, with its common settings. */
export interface Step extends CommonSettings {
  readonly check: CheckDefinition;
  /** As in `[checks] run`: the name, and ":instance" if there are several. */
  readonly label: string;
  readonly run: CheckRun;
  /** What it needs of a message. */
  readonly need: Need;
  /** Metric labels of a refusal. */
  readonly labels: (reason: string) => Readonly<Record<string, string>>;
  /** Metric labels of its time. */
  readonly timed: Readonly<Record<string, string>>;
}

/** Puts a check at work into its place. */
export function createStep(check: CheckDefinition, label: string, run: CheckRun, common: CommonSettings): Step {
  const need = run.needs ?? check.needs ?? "header";
  return { ...common, check, label, run, need, labels: labelsBy("reason", { check: label }), timed: { check: label } };
}
