/**
 * What a sync remembers of recipients that a published list refuses although they got mail, and of the settings by which
 * the list was made: beside the snapshot, as NAME.traffic.
 */
import { readFileSync } from "node:fs";

import { replaceFile } from "../../src/files/replace.ts";
import { dayLength, rememberedDays } from "../../src/traffic/record.ts";

/** One recipient. */
export interface LeftRecipient {
  /** Hash of the address. */
  readonly full: string;
  /** The address, or the hash once more. */
  readonly name: string;
  /** When the list was published, ms since 1970. */
  readonly at: number;
  /** Messages of the week before. */
  readonly week: number;
  /** The directory, or a person, said that it is right. */
  readonly told: boolean;
}

/** What is remembered. */
export interface TrafficState {
  /** Fingerprint of the settings that made the list; "": not known. */
  readonly settings: string;
  readonly left: readonly LeftRecipient[];
  /** Refusals by lists made before count no more, ms since 1970: a person, or a rollback, dealt with them. */
  readonly settled: number;
}

const nothing: TrafficState = { settings: "", left: [], settled: 0 };
/** Beyond them the oldest are forgotten. */
const mostLeft = 10_000;

/** The file. */
export function trafficStatePath(snapshotPath: string): string {
  return `${snapshotPath}.traffic`;
}

/** Reads it; whatever is wrong with the file, there is none. */
export function readTrafficState(snapshotPath: string): TrafficState {
  try {
    const read: Partial<Record<keyof TrafficState, unknown>> = JSON.parse(
      readFileSync(trafficStatePath(snapshotPath), "utf8"),
    );
    return {
      settings: typeof read.settings === "string" ? read.settings : "",
      left: Array.isArray(read.left) ? read.left.flatMap(parseLeft) : [],
      settled: typeof read.settled === "number" ? read.settled : 0,
    };
  } catch {
    return nothing;
  }
}

function parseLeft(value: unknown): LeftRecipient[] {
  const one: Partial<Record<keyof LeftRecipient, unknown>> = typeof value === "object" && value !== null ? value : {};
  const { full, name, at, week, told } = one;
  return typeof full === "string" && typeof name === "string" && typeof at === "number" && typeof week === "number"
    ? [{ full, name, at, week, told: told === true }]
    : [];
}

/** Writes all of it or nothing, unless the file says the same already. @throws what the file system throws */
export function writeTrafficState(snapshotPath: string, state: TrafficState, now: number): void {
  const left = state.left.filter(({ at }) => at > now - rememberedDays * dayLength).slice(-mostLeft);
  const [path, text] = [trafficStatePath(snapshotPath), `${JSON.stringify({ ...state, left })}\n`];
  if (textAt(path) !== text) {
    replaceFile(path, text, { likeFolder: true });
  }
}

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
