/** Warnings about checks that work with what another check says, and are asked before it. */
import type { Settings } from "./sections.ts";
import type { Warning } from "./warning.ts";

/** A check, the one that must be in front of it, and why. */
const orders: readonly (readonly [check: string, before: string, why: string])[] = [
  ["mailinglist", "aliases", "the members of its lists are what their aliases lead to"],
];

/** What signs messages, and the check of its stage that changes what it signs. */
const signer = "dkimsign";
const changer = "mailinglist";

/** Warnings about the order of checks. */
export function orderWarnings(settings: Settings): Warning[] {
  const lists = [
    { path: ["checks", "run"], run: settings.checks.run },
    ...settings.listener.map(({ checks }, i) => ({ path: ["listener", i, "checks"], run: checks ?? [] })),
  ];
  return lists.flatMap(({ path, run }) => {
    const names = run.map((label) => label.split(":")[0]);
    const isLate = names.includes(signer) && names.indexOf(changer) > names.indexOf(signer);
    const why = `"${signer}" needs "${changer}" in front of it: what changes a message behind it breaks the signature`;
    const unsigned = isLate ? [{ path, message: why }] : [];
    const missing = orders.flatMap(([check, before, reason]) => {
      const [at, first] = [names.indexOf(check), names.indexOf(before)];
      return at < 0 || (first >= 0 && first < at)
        ? []
        : [{ path, message: `"${check}" needs "${before}" in front of it: ${reason}` }];
    });
    return [...missing, ...unsigned];
  });
}
