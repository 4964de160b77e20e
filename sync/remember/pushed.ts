/**
 * Which list each `[[publish]]` target got last, and what the target said of it then: a file beside the snapshot
 * (NAME.pushed). Without it every target gets the list once more.
 */
import { readJsonFile } from "../../src/files/json-file.ts";
import { replaceFile } from "../../src/files/replace.ts";

/** What one target got. */
export interface Pushed {
  /** Of the target's settings. */
  readonly identity: string;
  /** Seal of the list. */
  readonly seal: string;
  /** What told the file there from any other; "": the target did not say. */
  readonly proof: string;
}

/** By the target's name. */
export type PushedLists = ReadonlyMap<string, Pushed>;

function pushedPath(snapshotPath: string): string {
  return `${snapshotPath}.pushed`;
}

/** Reads it; whatever is wrong with the file, nothing is known. */
export function readPushed(snapshotPath: string): PushedLists {
  try {
    const read = readJsonFile(pushedPath(snapshotPath));
    return new Map(
      Object.entries(typeof read === "object" ? { ...read } : {}).flatMap(([name, value]) =>
        isPushed(value) ? [[name, value]] : [],
      ),
    );
  } catch {
    return new Map();
  }
}

/** Writes it. @throws what the file system throws */
export function writePushed(snapshotPath: string, lists: PushedLists): void {
  const text = `${JSON.stringify(Object.fromEntries(lists))}\n`;
  replaceFile(pushedPath(snapshotPath), text, { likeFolder: true });
}

function isPushed(value: unknown): value is Pushed {
  const { identity, seal, proof }: Partial<Record<keyof Pushed, unknown>> =
    typeof value === "object" ? { ...value } : {};
  return typeof identity === "string" && typeof seal === "string" && typeof proof === "string";
}
