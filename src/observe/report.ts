/** What observe mode came to: the disagreements, most frequent first, and whether it is safe to enforce. */
import { ourAnswers } from "../report/observer.ts";
import type { OurAnswer } from "../report/observer.ts";
import { visible } from "../report/visible.ts";
import type { HopAnswers, Observed, Seen } from "./observations.ts";

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
  /** goodmailto would have refused, the next hop accepted, and the list now accepts it from all senders. */
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

const none: Readonly<HopAnswers> = { accepted: 0, refused: 0, unclear: 0 };

/** So many unknown recipients that were all accepted are not a coincidence: the next hop does not look. */
const suspicious = 10;

/** @param isTaken whether the list by now takes mail for the address from everybody, if it can be asked */
export function reportObserved(
  observed: Observed,
  enough: Enough,
  isTaken: (address: string) => boolean,
): ObserveReport {
  const disagreements = observed.addresses
    .flatMap((seen) => disagreementOf(seen, isTaken))
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

function disagreementOf({ address, ours, theirs, last }: Seen, isTaken: (address: string) => boolean): Disagreement[] {
  if (ours === "known") {
    return theirs.refused === 0
      ? []
      : [{ address, ours, theirs: "refused", count: theirs.refused, last, resolved: false }];
  }
  return theirs.accepted === 0
    ? []
    : [{ address, ours, theirs: "accepted", count: theirs.accepted, last, resolved: isTaken(address) }];
}

/** Recipients that would still be refused although the next hop takes them. */
export function gapsOf(disagreements: readonly Disagreement[]): readonly Disagreement[] {
  return disagreements.filter(({ ours, resolved }) => ours !== "known" && !resolved);
}

/** Whether the list lacks the address, so that the directories can be asked for it. */
export function isMissing({ ours }: Pick<Disagreement, "ours">): boolean {
  return ours === "unknown" || ours === "vanished";
}

/** What each refusal is called. */
const kindWords: Readonly<Record<OurAnswer, string>> = {
  known: "known",
  unknown: "unknown",
  vanished: "vanished",
  suspended: "suspended",
  internal: "internal only",
  sender: "sender not accepted",
};

function countsByKind(gaps: readonly Disagreement[]): string {
  return ourAnswers
    .flatMap((ours) => {
      const count = gaps.filter((gap) => gap.ours === ours).length;
      return count === 0 ? [] : [`${count} ${kindWords[ours]}`];
    })
    .join(", ");
}

function conclude(
  { totals, since, until }: Observed,
  enough: Enough,
  disagreements: readonly Disagreement[],
): Pick<ObserveReport, "verdict" | "why"> {
  const { unknown = none } = totals;
  const clear = Object.values(totals).reduce((sum, { accepted, refused }) => sum + accepted + refused, 0);
  const gaps = gapsOf(disagreements);
  if (unknown.refused === 0 && unknown.accepted >= suspicious) {
    return {
      verdict: "cannot-tell",
      why:
        `the next hop accepted all ${unknown.accepted} recipients that are not in the list, so it seems to accept ` +
        "every address and its replies prove nothing; review the gaps with --hint",
    };
  }
  if (gaps.length > 0) {
    const mails = gaps.reduce((sum, { count }) => sum + count, 0);
    return {
      verdict: "not-safe",
      why: `${gaps.length} addresses (${mails} recipients) would have been refused although the next hop accepts them: ${countsByKind(gaps)}`,
    };
  }
  const days = (ms: number): string => `${(ms / 86_400_000).toFixed(1)} days`;
  if (clear < enough.recipients || until - since < enough.time) {
    return {
      verdict: "not-enough",
      why:
        `${clear} recipients in ${days(until - since)} were seen; ` +
        `${enough.recipients} in ${days(enough.time)} are required`,
    };
  }
  return {
    verdict: "safe",
    why:
      `${clear} recipients in ${days(until - since)}: the next hop accepts no recipient that the list refuses, ` +
      `and refused ${unknown.refused} unknown ones itself`,
  };
}

const verdictWords = {
  safe: "safe to enforce",
  "not-safe": "not safe to enforce",
  "not-enough": "not enough seen",
  "cannot-tell": "cannot tell",
} as const;

/** Kinds that nobody met are not listed, but for the two that everybody looks for. */
function totalLine(ours: OurAnswer, { accepted, refused, unclear }: HopAnswers): string[] {
  const isShown = ours === "known" || ours === "unknown" || accepted + refused + unclear > 0;
  const numbers = [accepted, refused, unclear].map((n) => String(n).padEnd(8)).join(" ");
  return isShown ? [`${kindWords[ours].padEnd(19)}  ${numbers}`] : [];
}

/** For people. @param most disagreements that are listed */
export function formatReport(report: ObserveReport, most: number): string {
  const { since, until, totals, dropped, disagreements, verdict, why } = report;
  const width = Math.max(7, ...disagreements.slice(0, most).map(({ address }) => address.length));
  const rows = disagreements
    .slice(0, most)
    .flatMap(({ count, address, ours, theirs, resolved, hints = [] }) => [
      `${String(count).padStart(7)}  ${address.padEnd(width)}  ${kindWords[ours].padEnd(19)}  ${theirs}${resolved ? ", now in the list" : ""}`,
      ...hints.map((hint) => `         ${hint}`),
    ]);
  const more = disagreements.length - most;
  return (
    [
      `observed from ${since} to ${until}`,
      "                     accepted  refused  unclear  (by the next hop)",
      ...ourAnswers.flatMap((ours) => totalLine(ours, totals[ours] ?? none)),
      ...(dropped === 0 ? [] : [`${dropped} less frequent addresses had to make room and are not listed`]),
      "",
      ...(rows.length === 0
        ? ["no disagreement"]
        : [`  count  ${"address".padEnd(width)}  goodmailto           next hop`, ...rows]),
      ...(more > 0 ? [`${more} more, see --most`] : []),
      "",
      `${verdictWords[verdict]}: ${why}`,
      "",
    ]
      // Names and values of directories are anybody's text.
      .map((line) => visible(line.trimEnd()))
      .join("\n")
  );
}
