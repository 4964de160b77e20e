/** Which settings this version has, and which values it takes: its own schema is asked. */
import type * as z from "zod";

/** The settings and values of this version. */
export interface Known {
  /** Whether a check is there, by its name. */
  check(name: string): boolean;
  /** Whether a section has a setting, whatever its value. */
  setting(section: string, key: string): boolean;
  /** Whether a section has a setting and takes this value. @param beside the other settings that are written there */
  accepts(section: string, key: string, value: unknown, beside?: Readonly<Record<string, unknown>>): boolean;
}

/**
 * @param schema of the whole configuration, with every check once
 * @param checks names of the checks
 */
export function readKnown(schema: z.ZodType, checks: readonly string[]): Known {
  const names = new Set(checks);
  /** What the schema has against these values in an otherwise empty configuration. */
  const issues = (section: string, values: Readonly<Record<string, unknown>>): z.core.$ZodIssue[] => {
    const given = section.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), values);
    return schema.safeParse(given).error?.issues ?? [];
  };
  const isUnknown = (issue: z.core.$ZodIssue): boolean => issue.code === "unrecognized_keys";
  return {
    check: (name) => names.has(name),
    setting: (section, key) => !issues(section, { [key]: undefined }).some(isUnknown),
    accepts(section, key, value, beside = {}) {
      const path = [...section.split("."), key].join(".");
      return !issues(section, { ...beside, [key]: value }).some(
        (issue) => isUnknown(issue) || `${issue.path.join(".")}.`.startsWith(`${path}.`),
      );
    },
  };
}
