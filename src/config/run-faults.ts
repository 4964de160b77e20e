/** Faults of `[checks] run` and `[[listener]] checks` that the words alone do not show: instances that are not there. */
import type { Settings } from "./sections.ts";
import type { Fault } from "./fault.ts";

type Report = (path: readonly PropertyKey[], message: string) => Fault;

/** See the file's first line. */
export function runFaults(settings: Settings, fault: Report): Fault[] {
  const lists = [
    { path: ["checks", "run"], run: settings.checks.run },
    ...settings.listener.map(({ checks }, i) => ({ path: ["listener", i, "checks"], run: checks ?? [] })),
  ];
  return lists.flatMap(({ path, run }) =>
    run.flatMap((label, i) => {
      const message = faultOf(settings, label);
      return message === undefined ? [] : [fault([...path, i], message)];
    }),
  );
}

function faultOf({ checks }: Settings, label: string): string | undefined {
  const [name = "", instance] = label.split(":");
  const values = checks[name];
  const instances = Array.isArray(values) ? (values as { name: string }[]).map((one) => one.name) : undefined;
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
