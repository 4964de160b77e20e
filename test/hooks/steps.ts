/** Checks in their place in a pipeline, for tests. */
import * as z from "zod";

import { defineCheck } from "../../src/hooks/check.ts";
import type { CheckDefinition, CheckRun, Stage } from "../../src/hooks/check.ts";
import type { HookName } from "../../src/hooks/hook-names.ts";
import { createStep } from "../../src/hooks/step.ts";
import type { CommonSettings, Step } from "../../src/hooks/step.ts";

/** The settings of a check as they would be in the file. */
export function settingsOf(check: CheckDefinition, values: Readonly<Record<string, unknown>> = {}) {
  return z.object(check.settings).parse(values);
}

/** A check at work, with what the configuration says of it. */
export function stepOf(check: CheckDefinition, run: CheckRun, common: Partial<CommonSettings> = {}): Step {
  return createStep(check, check.name, run, { mode: "enforce", unless: [], points: 1, ...common });
}

/** What a made-up check says of itself. */
export interface MadeUp {
  readonly stage?: Stage;
  readonly hooks?: readonly HookName[];
  readonly common?: Partial<CommonSettings>;
}

/** A check of a test's own: it has functions for the hooks of `run`. */
export function madeUp(name: string, run: CheckRun, { stage = "policy", hooks, common }: MadeUp = {}): Step {
  const check = defineCheck({
    name,
    doc: "For a test.",
    stage,
    hooks: hooks ?? (Object.keys(run) as HookName[]),
    settings: {},
    reasons: { no: "made-up reason" } as Record<string, string>,
    findings: { one: "first finding", two: "second finding", unknown: "not found" } as Record<string, string>,
    create: () => run as never,
  });
  return stepOf(check, run, common);
}
