/** Where the settings of each check and instance are in the configuration. */
import { allChecks } from "./outside-checks.ts";
import type { CheckValues } from "../config/check-sections.ts";
import type { Settings } from "../config/sections.ts";
import type { CheckDefinition } from "../hooks/check.ts";

/** One `[checks.NAME]`, or one of several `[[checks.NAME]]`. */
export interface CheckSection {
  readonly check: CheckDefinition;
  /** As `[checks] run` names it. */
  readonly label: string;
  /** Of the section, for the place of a warning. */
  readonly path: readonly PropertyKey[];
  readonly values: CheckValues;
}

type Instances = readonly (CheckValues & { readonly name: string })[];

/** The sections of all checks, whether they run or not. @param run only of those in this list of checks */
export function sectionsOfChecks(settings: Settings, run?: readonly string[]): CheckSection[] {
  const names = run === undefined ? undefined : namesIn(run);
  return allChecks(settings.checks.load, names).flatMap((check): CheckSection[] => {
    const { name, section } = check;
    if (section !== undefined) {
      // Any of them has the values of a check.
      return [{ check, label: name, path: [section], values: settings[section as "spp"] }];
    }
    // The schema gives a check a table, or a list of them.
    const values = settings.checks[name] as CheckValues | Instances;
    const path = ["checks", name];
    return isList(values)
      ? values.map((one, i) => ({ check, label: `${name}:${one.name}`, path: [...path, i], values: one }))
      : [{ check, label: name, path, values }];
  });
}

/** The checks that a list names, without their instances. */
export function namesIn(run: readonly string[]): ReadonlySet<string> {
  return new Set(run.map((label) => label.replace(/:.*/s, "")));
}

function isList(values: CheckValues | Instances): values is Instances {
  return Array.isArray(values);
}
