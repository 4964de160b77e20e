/**
 * Errors of `[checks] run` and `[[listener]] checks` that the words alone do not show: instances that are not there.
 */
import { isInstances } from "./check-sections.ts";
import type { CheckTable } from "./check-sections.ts";
import type { IsGiven } from "./late.ts";
import type { Settings } from "./sections.ts";
import type { Fault } from "./fault.ts";

type Report = (path: readonly PropertyKey[], message: string) => Fault;

/** Errors in the lists of checks. */
export function runFaults(settings: Settings, fault: Report, isGiven: IsGiven): Fault[] {
  const lists = [
    { path: ["checks", "run"], run: settings.checks.run },
    ...settings.listener.map(({ checks }, i) => ({ path: ["listener", i, "checks"], run: checks ?? [] })),
  ];
  const missing = lists.flatMap(({ path, run }) =>
    run.flatMap((label, i) => {
      const message = faultOf(settings, label, isGiven);
      return message === undefined ? [] : [fault([...path, i], message)];
    }),
  );
  return [...missing, ...repeatedNames(settings, fault, isGiven)];
}

/** The names of a check's instances; undefined if it has one section, or none. */
function instancesOf(values: CheckTable[string] | undefined): readonly string[] | undefined {
  return isInstances(values) ? values.map(({ name }) => name) : undefined;
}

function repeatedNames({ checks }: Settings, fault: Report, isGiven: IsGiven): Fault[] {
  return Object.keys(checks)
    .filter((check) => check !== "run" && check !== "load" && isGiven("checks", check))
    .flatMap((check) => {
      const names = instancesOf(checks[check]) ?? [];
      return names.flatMap((name, i) =>
        names.indexOf(name) < i
          ? [fault(["checks", check, i, "name"], `"${name}" is taken by another [[checks.${check}]]`)]
          : [],
      );
    });
}

function faultOf({ checks }: Settings, label: string, isGiven: IsGiven): string | undefined {
  const [name = "", instance] = label.split(":");
  if (instance !== undefined && !Object.hasOwn(checks, name)) {
    return `"${label}" is not there: "${name}" has one section; write "${name}"`;
  }
  const instances = isGiven("checks", name) ? instancesOf(checks[name]) : undefined;
  if (instances === undefined) {
    return instance === undefined
      ? undefined
      : `"${label}" has no section; write [[checks.${name}]] with name = "${instance}"`;
  }
  const known = instances.map((one) => `"${name}:${one}"`).join(", ");
  return instance !== undefined && instances.includes(instance)
    ? undefined
    : `"${label}" is not there; allowed: ${known}`;
}
