/** The checks and instances whose counters are there from the start. */
import type { Settings } from "../config/sections.ts";
import type { CountedCheck } from "../report/counters.ts";
import { sectionsOfChecks } from "./check-sections.ts";

/** Each by its label. */
export function countedChecks(settings: Settings): CountedCheck[] {
  return sectionsOfChecks(settings).map(({ check, label }) => ({ name: label, reasons: check.reasons }));
}
