/** Warnings about checks that work with what another check says, and are asked before it. */
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

/** A check, the one that must be in front of it, and why. */
const orders: readonly (readonly [check: string, before: string, why: string])[] = [
  ["mailinglist", "aliases", "the members of its lists are what their aliases lead to"],
];

/** What signs messages, and the checks that may change what it signs. */
const signer = "dkimsign";
const changing = new Set(["filter", "mailinglist", "milter", "rspamd", "spamassassin"]);

/** Warnings about the order of checks. */
export function orderWarnings(settings: Settings): Warning[] {
  const lists = [
    { path: ["checks", "run"], run: settings.checks.run },
    ...settings.listener.map(({ checks }, i) => ({ path: ["listener", i, "checks"], run: checks ?? [] })),
  ];
  return lists.flatMap(({ path, run }) => {
    const names = run.map((label) => label.split(":")[0]);
    const late = names.includes(signer) ? run.slice(names.indexOf(signer)) : [];
    const changers = late.filter((label) => changing.has(label.split(":")[0] ?? ""));
    const unsigned = changers.map((label) => ({
      path,
      message: `"${label}" may change messages that "${signer}" in front of it has signed: the signature does not verify then`,
    }));
    const missing = orders.flatMap(([check, before, why]) => {
      const [at, first] = [names.indexOf(check), names.indexOf(before)];
      return at < 0 || (first >= 0 && first < at)
        ? []
        : [{ path, message: `"${check}" needs "${before}" in front of it: ${why}` }];
    });
    return [...missing, ...unsigned];
  });
}
