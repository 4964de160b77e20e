/** Warnings about checks in mode score whose points nobody reads. */
import { isInstances } from "./check-sections.ts";
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

/** One warning per list in which a check adds points and the check score does not run after it. */
export function scoreWarnings(settings: Settings): Warning[] {
  const lists = [
    { path: ["checks", "run"], run: settings.checks.run },
    ...settings.listener.map(({ checks }, i) => ({ path: ["listener", i, "checks"], run: checks ?? [] })),
  ];
  return lists.flatMap(({ path, run }) => {
    const last = run.findLastIndex((label) => label.split(":")[0] === "score");
    const unread = run.find((label, i) => i > last && modeOf(settings, label) === "score");
    const why = last < 0 ? "the check score is not in the list" : "the check score is in front of it";
    return unread === undefined
      ? []
      : [{ path, message: `the points of "${unread}" may refuse nothing: ${why}; write "score" at the end` }];
  });
}

function modeOf({ checks, recipients, spp }: Settings, label: string): string | undefined {
  const [name = "", instance] = label.split(":");
  const values = name === "goodmailto" ? recipients : name === "spp" ? spp : checks[name];
  const one = isInstances(values) ? values.find((section) => section.name === instance) : values;
  return one === undefined || !("mode" in one) ? undefined : one.mode;
}
