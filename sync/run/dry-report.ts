/** What a dry run shows: every key that would come or go, every value that gives no address. As lines, or as JSON. */
import type { LeftOut } from "../left-out.ts";
import { leftOutLines } from "../left-out.ts";
import type { SyncOutcome } from "../outcome.ts";

/** Takes what a run finds on its way. */
export interface DryReport {
  readonly tell: (change: "added" | "removed", key: string) => void;
  readonly leave: (source: string, left: readonly LeftOut[]) => void;
  /** The rest, for standard output. */
  end(outcome: SyncOutcome): string;
}

/** Values that are kept in all, for JSON. */
const maxLeft = 500_000;
/** Of each reason, for people. */
const mostShown = 10;

/** @param write takes the lines that need not wait for the end */
export function createDryReport(json: boolean, write: (text: string) => void): DryReport {
  return json ? asJson() : asLines(write);
}

function asJson(): DryReport {
  const added: string[] = [];
  const removed: string[] = [];
  const left: (LeftOut & { readonly source: string })[] = [];
  let omitted = 0;
  return {
    tell: (change, key) => void (change === "added" ? added : removed).push(key),
    leave: (source, more) => {
      const taken = more.slice(0, maxLeft - left.length);
      omitted += more.length - taken.length;
      taken.forEach((one) => left.push({ source, ...one }));
    },
    end: ({ kind, ...rest }) => `${JSON.stringify({ outcome: kind, ...rest, added, removed, left, omitted })}\n`,
  };
}

function asLines(write: (text: string) => void): DryReport {
  const sources = new Map<string, { readonly counts: Record<string, number>; readonly shown: LeftOut[] }>();
  return {
    tell: (change, key) => write(`${change === "added" ? "+" : "-"} ${key}\n`),
    leave: (source, left) => {
      const { counts, shown } = sources.get(source) ?? { counts: {}, shown: [] };
      sources.set(source, { counts, shown });
      for (const one of left) {
        counts[one.why] = (counts[one.why] ?? 0) + 1;
        if ((counts[one.why] ?? 0) <= mostShown) {
          shown.push(one);
        }
      }
    },
    end: () =>
      [...sources]
        .flatMap(([name, { counts, shown }]) => [
          ...(shown.length === 0 ? [] : [`source ${name}`]),
          ...leftOutLines(counts, shown).map((line) => `  ${line}`),
        ])
        .map((line) => `${line}\n`)
        .join(""),
  };
}
