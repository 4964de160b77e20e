/**
 * What the syncs of this machine remember of their last runs, as far as a relay beside them may want to know it: a part
 * of the file NAME.incident beside the snapshot, which the sync writes (sync/remember/incident.ts). Times are ms since
 * 1970.
 */
import { readJsonFile } from "./json-file.ts";

/** The guards that keep a list from being published: by its sizes and canaries, and by who gets mail. */
export const guards = ["list", "traffic"] as const;
export type GuardName = (typeof guards)[number];

/** How the last run ended. */
export interface LastRun {
  readonly at: number;
  readonly result: "published" | "refused" | "failed" | "held";
  /** Of the last run that made a list, published or not. */
  readonly seconds: number;
  readonly entries: number;
  /** Those that refused it. */
  readonly guards: readonly GuardName[];
}

export interface SyncNotes {
  /** Failed runs since the last complete one. */
  readonly failures: number;
  /** Last run that read every source and published; 0: not known. */
  readonly whole: number;
  /** Targets that lack the list that serves. */
  readonly unpushed: readonly string[];
  /** Undefined: none is remembered. */
  readonly last?: LastRun | undefined;
}

/** What is in the file, not looked at yet. */
export type RawNotes = Readonly<Record<string, unknown>>;

const results: readonly LastRun["result"][] = ["published", "refused", "failed", "held"];

/** The file's place. */
export function incidentPath(snapshotPath: string): string {
  return `${snapshotPath}.incident`;
}

/** Reads the file; whatever is wrong with it, or with the right to read it, there is nothing in it. */
export function readRawNotes(snapshotPath: string): RawNotes {
  try {
    const read = readJsonFile(incidentPath(snapshotPath));
    return typeof read === "object" ? { ...read } : {};
  } catch {
    return {};
  }
}

/** What it says. */
export function notesOf({ failures, whole, unpushed, last }: RawNotes): SyncNotes {
  return {
    failures: numberOf(failures),
    whole: numberOf(whole),
    unpushed: Array.isArray(unpushed) ? unpushed.filter((name) => typeof name === "string") : [],
    last: parseLast(last),
  };
}

/** A number from it; 0 if it is none. */
export function numberOf(value: unknown): number {
  return typeof value === "number" && value >= 0 ? value : 0;
}

/** Whatever is not as it was written is left out. */
function parseLast(value: unknown): LastRun | undefined {
  const last: Partial<Record<keyof LastRun, unknown>> = typeof value === "object" ? { ...value } : {};
  const { guards: spoken } = last;
  const result = results.find((one) => one === last.result);
  return result === undefined
    ? undefined
    : {
        at: numberOf(last.at),
        result,
        seconds: numberOf(last.seconds),
        entries: numberOf(last.entries),
        guards: guards.filter((name) => Array.isArray(spoken) && spoken.includes(name)),
      };
}
