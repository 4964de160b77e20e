/** What is to be said of the snapshot: its age, its sources, its domains. */
import type { OwnDomain } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { denialOf } from "../files/denied.ts";
import { lookedAt } from "../files/last-look.ts";
import { catchAllKey } from "../mail/wildcards.ts";
import { silentLog } from "../report/log.ts";
import type { Kind, SourceRow } from "../snapshot/format.ts";
import type { Image } from "../snapshot/image.ts";
import { openSnapshot } from "../snapshot/reader.ts";
import { plainTrust } from "../snapshot/trust.ts";
import type { Trust } from "../snapshot/trust.ts";
import { waitsUntil } from "../snapshot/waiting.ts";
import { newestKnown } from "./trust.ts";

/** One source in the report. Times are ISO 8601; null: never. */
export interface SourceReport {
  readonly name: string;
  readonly addresses: number;
  readonly kinds: Readonly<Partial<Record<Kind, number>>>;
  readonly entries: number;
  readonly read: string | null;
  readonly tried: string | null;
  readonly stale: boolean;
  /** Why the last attempt failed; "" if it did not. */
  readonly fault: string;
}

/** What holds in one `[[domain]]`. */
export interface DomainReport {
  readonly name: string;
  readonly mode: string;
  readonly catch_all: string;
  /** The source whose catch-all accepts all its addresses; null: there is none. */
  readonly opened_by: string | null;
}

/** Why nothing can be said of a list. */
interface NoList {
  readonly path: string;
  readonly why: string;
  readonly detail: string;
}

/** What `--json` prints. */
export type StatusReport =
  | {
      readonly status: "fresh" | "stale";
      readonly path: string;
      readonly created: string;
      /** When a later sync found it to be that of all sources, and wrote none; null: none did, or not on this machine. */
      readonly looked: string | null;
      /** Seconds; 0 if the clock is behind. */
      readonly age: number;
      /** behind: the snapshot is from the future, because this machine's clock or that of the sync jumped. */
      readonly clock: "good" | "behind";
      readonly addresses: number;
      /** Until when relays with `[snapshot] canary` as here do not use it yet; null: they do. */
      readonly waits_until: string | null;
      /** When and why a person went back to it, see docs/operation.md; null: nobody did. */
      readonly held: string | null;
      readonly sources: readonly SourceReport[];
      /** Each `[[domain]]`. */
      readonly domains: readonly DomainReport[];
    }
  /** There is no file. */
  | ({ readonly status: "missing" } & NoList)
  /** No relay would take the file that is there; one that runs keeps its previous list. */
  | ({ readonly status: "invalid" } & NoList)
  /** This user may not read it: nothing is known. */
  | ({ readonly status: "denied" } & NoList);

/**
 * Looks at the snapshot.
 * @param now ms since 1970
 */
export function reportStatus(
  {
    path,
    max_age: maxAge,
    canary,
    ...files
  }: Pick<Settings["snapshot"], "path" | "max_age" | "newest_file" | "canary">,
  now: number,
  trust: Trust = plainTrust,
  own: readonly OwnDomain[] = [],
): StatusReport {
  const reader = openSnapshot(path, silentLog, { now: () => now, trust, newest: newestKnown(files) });
  try {
    const { state, image } = reader;
    if (state.kind === "unavailable" || image === undefined) {
      const { why, detail } = state.kind === "unavailable" ? state : { why: "missing", detail: "" };
      const status = denialOf(path) !== undefined ? "denied" : why === "missing" ? "missing" : "invalid";
      return { status, path, why, detail };
    }
    const counts = image.counts();
    const sources = state.sources.map((source) => reportSource(source, counts, now - maxAge));
    const stale = now - state.created > maxAge || sources.some((source) => source.stale);
    const age = Math.round((now - state.created) / 1000);
    return {
      status: stale ? "stale" : "fresh",
      path,
      created: new Date(state.created).toISOString(),
      looked: formatTime(lookedAt(path, state.created) ?? 0),
      age: Math.max(0, age),
      clock: age < 0 ? "behind" : "good",
      addresses: state.rows,
      waits_until: formatTime(waitsUntil(image, { since: Number.NaN }, canary, now) ?? 0),
      held: image.held ?? null,
      sources,
      domains: own.map((one) => reportDomain(one, image)),
    };
  } finally {
    reader.close();
  }
}

function reportDomain({ name, mode, catch_all: from }: OwnDomain, image: Image): DomainReport {
  const row = from === "off" ? undefined : image.findWildcard(catchAllKey(name), from === "directory");
  return { name, mode, catch_all: from, opened_by: row?.gone === 0 ? row.source : null };
}

function reportSource(
  source: SourceRow,
  counts: readonly { readonly source: string; readonly kind: Kind; readonly count: number }[],
  oldest: number,
): SourceReport {
  const mine = counts.filter((row) => row.source === source.name);
  return {
    name: source.name,
    addresses: mine.reduce((sum, { count }) => sum + count, 0),
    kinds: Object.fromEntries(mine.map(({ kind, count }) => [kind, count])),
    entries: source.entries,
    read: formatTime(source.readAt),
    tried: formatTime(source.triedAt),
    stale: source.readAt < oldest,
    fault: source.fault,
  };
}

/** ISO 8601; null: never. @param at ms since 1970, or 0 */
export function formatTime(at: number): string | null {
  return at === 0 ? null : new Date(at).toISOString();
}
