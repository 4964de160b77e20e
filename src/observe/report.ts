/** What observe mode came to: the disagreements, most frequent first, and whether it is safe to enforce. */
import type { Observed, Seen } from "./observations.ts";

/** How much must be seen. */
export interface Enough {
  /** Recipients with a clear answer. */
  readonly recipients: number;
  /** ms */
  readonly time: number;
}

/** One line of the report. */
export interface Disagreement {
  readonly address: string;
  readonly ours: Seen["ours"];
  readonly theirs: "accepted" | "refused";
  readonly count: number;
  /** ms since 1970. */
  readonly last: number;
  /** Ours unknown, theirs accepted, and the list has it by now. */
  readonly resolved: boolean;
  readonly hints?: readonly string[];
}

/** What `--json` prints. */
export interface ObserveReport {
  readonly since: string;
  readonly until: string;
  readonly totals: Observed["totals"];
  readonly dropped: number;
  readonly disagreements: readonly Disagreement[];
  readonly verdict: "safe" | "not-safe" | "not-enough" | "cannot-tell";
  /** The verdict in a sentence, with its numbers. */
  readonly why: string;
}

/** So many unknown recipients that were all accepted are no coincidence: the next hop does not look. */
const suspicious = 10;

/** @param isKnown what the list says now, where it can be asked */
export function reportObserved(
  observed: Observed,
  enough: Enough,
  isKnown: (address: string) => boolean,
): ObserveReport {
  const disagreements = observed.addresses
    .flatMap((seen) => disagreementOf(seen, isKnown))
    .toSorted((one, other) => other.count - one.count || (one.address < other.address ? -1 : 1));
  const { since, until, totals, dropped } = observed;
  return {
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    totals,
    dropped,
    disagreements,
    ...conclude(observed, enough, disagreements),
  };
}

function disagreementOf({ address, ours, theirs, last }: Seen, isKnown: (address: string) => boolean): Disagreement[] {
  if (ours === "known") {
    return theirs.refused === 0
      ? []
      : [{ address, ours, theirs: "refused", count: theirs.refused, last, resolved: false }];
  }
  return theirs.accepted === 0
    ? []
    : [{ address, ours, theirs: "accepted", count: theirs.accepted, last, resolved: isKnown(address) }];
}

/** Gaps in the sync that are still there. */
export function gapsOf(disagreements: readonly Disagreement[]): readonly Disagreement[] {
  return disagreements.filter(({ ours, resolved }) => ours === "unknown" && !resolved);
}

function conclude(
  { totals: { known, unknown }, since, until }: Observed,
  enough: Enough,
  disagreements: readonly Disagreement[],
): Pick<ObserveReport, "verdict" | "why"> {
  const clear = known.accepted + known.refused + unknown.accepted + unknown.refused;
  const gaps = gapsOf(disagreements);
  if (unknown.refused === 0 && unknown.accepted >= suspicious) {
    return {
      verdict: "cannot-tell",
      why:
        `the next hop accepted all ${unknown.accepted} recipients that the list does not know, so it seems to accept ` +
        "anybody and its answer proves nothing; go through the gaps with --hint",
    };
  }
  if (gaps.length > 0) {
    const mails = gaps.reduce((sum, { count }) => sum + count, 0);
    return {
      verdict: "not-safe",
      why: `${gaps.length} addresses (${mails} recipients) would have been refused although the next hop takes them`,
    };
  }
  const days = (ms: number): string => `${(ms / 86_400_000).toFixed(1)} days`;
  if (clear < enough.recipients || until - since < enough.time) {
    return {
      verdict: "not-enough",
      why:
        `${clear} recipients in ${days(until - since)} were seen; ` +
        `${enough.recipients} in ${days(enough.time)} are asked for`,
    };
  }
  return {
    verdict: "safe",
    why:
      `${clear} recipients in ${days(until - since)}: the next hop takes nobody whom the list does not know, ` +
      `and refused ${unknown.refused} of those itself`,
  };
}

const verdictWords = {
  safe: "safe to enforce",
  "not-safe": "not safe to enforce",
  "not-enough": "not enough seen",
  "cannot-tell": "cannot tell",
} as const;

/** For people. @param most disagreements that are listed */
export function formatReport(report: ObserveReport, most: number): string {
  const { since, until, totals, dropped, disagreements, verdict, why } = report;
  const { known, unknown } = totals;
  const width = Math.max(7, ...disagreements.slice(0, most).map(({ address }) => address.length));
  const rows = disagreements
    .slice(0, most)
    .flatMap(({ count, address, ours, theirs, resolved, hints = [] }) => [
      `${String(count).padStart(7)}  ${address.padEnd(width)}  ${ours.padEnd(7)}  ${theirs}${resolved ? ", in the list by now" : ""}`,
      ...hints.map((hint) => `         ${hint}`),
    ]);
  const more = disagreements.length - most;
  return (
    [
      `observed from ${since} to ${until}`,
      "          accepted  refused  unclear  (by the next hop)",
      `known     ${[known.accepted, known.refused, known.unclear].map((n) => String(n).padEnd(8)).join(" ")}`,
      `unknown   ${[unknown.accepted, unknown.refused, unknown.unclear].map((n) => String(n).padEnd(8)).join(" ")}`,
      ...(dropped === 0 ? [] : [`${dropped} less frequent addresses had to make room and are not listed`]),
      "",
      ...(rows.length === 0 ? ["no disagreement"] : [`  count  ${"address".padEnd(width)}  ours     theirs`, ...rows]),
      ...(more > 0 ? [`${more} more, see --most`] : []),
      "",
      `${verdictWords[verdict]}: ${why}`,
      "",
    ]
      // Names and values of directories are anybody's text.
      .map((line) => line.trimEnd().replace(/[^\x20-\x7e]/g, "?"))
      .join("\n")
  );
}
