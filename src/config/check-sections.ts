/** The settings of checks: `[checks] run`, what every check has in common, and `[checks.NAME]`, once or several times. */
import * as z from "zod";

import { exemptions, modes } from "./check-words.ts";
import type { Exemption, Mode, SettingFault } from "./check-words.ts";
import * as field from "./fields.ts";
import { isLateShape, lateSection, lateShape } from "./late.ts";

/** What the configuration must know of a check. The registry of src/checks gives it. */
export interface CheckSettings {
  readonly name: string;
  readonly doc: string;
  readonly hooks: readonly string[];
  readonly settings: Readonly<Record<string, z.ZodType>>;
  readonly reasons: Readonly<Record<string, string>>;
  faults?(settings: Readonly<Record<string, unknown>>): readonly SettingFault[];
  readonly unless?: readonly Exemption[];
  /** Where its settings are if not under `[checks.NAME]`. */
  readonly section?: string;
}

/** A check by its name; what else is declared of it is made when it is first asked for. */
export interface RegisteredSettings {
  readonly name: string;
  /** As in the declaration. */
  readonly section?: string;
  readonly definition: () => CheckSettings;
}

/** The checks that run if the file says nothing. */
const defaultRun = ["verybadrcptto", "badmailfrom", "spp", "authlogger", "goodmailto", "loop"];

/** The name of an instance. */
export const labelRule: field.TextRule = {
  allowed: "a name of a-z, 0-9, - and _, at most 32 characters",
  fits: (text) => /^[a-z0-9_-]{1,32}$/.test(text),
};

interface Named {
  readonly name: string;
}

/** `[[listener]] checks`; undefined if it is not given: then `[checks] run` counts, whatever its default. */
export function ownRunList(checks: readonly Named[], doc: string) {
  const list = runList(checks, doc, { required: true });
  // Around a default, `optional` would never be undefined.
  return list.optional().meta({ ...list.meta(), required: false, inherits: true });
}

/** `[checks] run`. */
export function runList(checks: readonly Named[], doc: string, extra: { readonly required?: boolean } = {}) {
  const names = checks.map(({ name }) => name);
  const sample = defaultRun.filter((name) => names.includes(name));
  const allowed = `one of ${names.join(", ")}, or "NAME:INSTANCE"`;
  const fits = (text: string): boolean => {
    const [name = "", instance = "x", ...more] = text.split(":");
    return names.includes(name) && labelRule.fits(instance) && more.length === 0;
  };
  const isOnce = (list: readonly string[]): boolean => new Set(list).size === list.length;
  return field.listBy({ allowed, fits }, sample, doc, extra).refine(isOnce, { message: "must not hold a name twice" });
}

export const modeDoc =
  "enforce: its verdict counts. observe: log the verdict but do not act on it. later: a refusal before RCPT is given at the next RCPT. score: a refusal adds points, and the check score refuses when there are too many. off: does not run.";

const all = {
  mode: field.alike(field.choice(modes, "enforce", modeDoc)),
  points: field.alike(field.integer(1, 0, 1000, "What a refusal adds in mode score.")),
};
const refusing = {
  permanent: field.alike(field.flag(true, "false: refuse with 4xx, so that the sender tries again.")),
  close: field.alike(field.flag(false, "true: end the session after a refusal.")),
  reply: field.alike(field.text("", "Text of a refusal. Empty: the check's own.")),
};
const unlessFields = new Map<string, z.ZodType>();

/** What every check has. A check may declare a key of its own by the same name, which then takes its place. */
function common({ reasons, unless = [] }: CheckSettings): Record<string, z.ZodType> {
  const { mode, points } = all;
  const own = { mode, unless: unlessField(unless), points };
  return Object.keys(reasons).length === 0 ? own : { ...own, ...refusing };
}

/** One for all checks with the same default. */
function unlessField(sample: readonly Exemption[]): z.ZodType {
  const key = sample.join();
  const made =
    unlessFields.get(key) ?? field.alike(field.choices(exemptions, sample, "Clients and recipients that are exempt."));
  unlessFields.set(key, made);
  return made;
}

/** The section of one check. */
export function checkSection(check: CheckSettings): z.ZodObject {
  const made =
    sections.get(check) ??
    (check.faults === undefined && isLateShape(check.settings)
      ? lateCheck(check)
      : withFaults(check, z.strictObject({ ...common(check), ...check.settings })));
  sections.set(check, made);
  return made;
}

/** One of whose settings each has a default. */
function lateCheck(check: CheckSettings): z.ZodObject {
  const [own, every] = [check.settings, common(check)];
  const keys = new Set([...Object.keys(every), ...Object.keys(own)]);
  const makers = [...keys].map((key) => [key, () => (Object.hasOwn(own, key) ? own : every)[key]] as const);
  // Each maker has a type for its key.
  return lateSection(lateShape(Object.fromEntries(makers) as Record<string, () => z.ZodType>));
}

/** They are made once: a file with instances has a schema of its own, in which most sections are the same. */
const sections = new WeakMap<CheckSettings, z.ZodObject>();

/** A section with the errors that one setting alone cannot show. */
function withFaults<Section extends z.ZodObject>(check: CheckSettings, section: Section): Section {
  if (check.faults === undefined) {
    return section;
  }
  return section.superRefine((values, context) => {
    for (const { key, message } of check.faults?.(values) ?? []) {
      context.addIssue({ code: "custom", message, path: [key] });
    }
  });
}

/** `[[checks.NAME]]`: several instances, each with its name. */
export function instanceSections(check: CheckSettings) {
  const name = field.textBy(labelRule, "strict", 'Its name: [checks] run has it as "CHECK:NAME".', {
    required: true,
  });
  const section = z.strictObject({ name, ...common(check), ...check.settings });
  return z.array(withFaults(check, section));
}

/** A check's settings, already compared with its declaration. */
export type CheckValues = Readonly<Record<string, unknown>> & {
  readonly mode: Mode;
  readonly unless: readonly Exemption[];
  readonly points: number;
  readonly permanent?: boolean;
  readonly close?: boolean;
  readonly reply?: string;
};

/** Several instances of a check, each with its name. */
export type Instances = readonly (CheckValues & { readonly name: string })[];

/** Whether a check has several instances. */
export function isInstances(values: CheckTable[string] | undefined): values is Instances {
  return Array.isArray(values) && values.every((one) => typeof one === "object");
}

/** `[checks]`: the order, checks from outside, and the settings of each. */
export type CheckTable = { readonly run: readonly string[]; readonly load: readonly string[] } & {
  readonly [name: string]: CheckValues | Instances | readonly string[];
};
