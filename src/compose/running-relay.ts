/** Compares what running relays have loaded with what is in the files now: for `goodmailto check`. */
import { realpathSync } from "node:fs";
import { resolve } from "node:path";

import type { Settings } from "../config/sections.ts";
import { RunningNote, readRunning } from "../ops/running.ts";
import { version } from "../ops/version.ts";
import type { Log } from "../report/log.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import { fingerprintOf } from "./fingerprint.ts";

/** One relay process of this configuration file. */
export interface Comparison {
  readonly pid: number;
  readonly configuration: "same" | "another";
  /** When it loaded its configuration, ISO 8601. */
  readonly loaded: string;
  readonly list: "same" | "another" | "none";
  /** When its list was made, ISO 8601. */
  readonly list_created?: string;
}

/** Begins to note what this relay has loaded. */
export function noteRunning(config: string, settings: Settings, snapshot: SnapshotReader, log: Log): RunningNote {
  const note = { version, config: absolute(config), fingerprint: fingerprintOf(settings), loaded: Date.now() };
  return new RunningNote(settings.smtp.status_folder, note, () => createdOf(snapshot), log);
}

/** Every running relay of a configuration file, beside its settings and list as they are now. */
export function compareRunning(config: string, settings: Settings, snapshot: SnapshotReader): Comparison[] {
  const path = absolute(config);
  const fingerprint = fingerprintOf(settings);
  const created = createdOf(snapshot);
  return readRunning(settings.smtp.status_folder)
    .filter((running) => running.config === path)
    .map(({ pid, version: other, fingerprint: theirs, loaded, list }) => ({
      pid,
      configuration: theirs === fingerprint && other === version ? "same" : "another",
      loaded: new Date(loaded).toISOString(),
      list: list === 0 ? "none" : list === created ? "same" : "another",
      ...(list === 0 ? {} : { list_created: new Date(list).toISOString() }),
    }));
}

/** One line without its end. */
export function describeComparison({
  pid,
  configuration,
  loaded,
  list,
  list_created: created = "",
}: Comparison): string {
  const reload = "it answers by that until it is reloaded (SIGHUP)";
  const parts = [
    ...(configuration === "another" ? [`has another configuration or program loaded, of ${loaded}: ${reload}`] : []),
    ...(list === "another" ? [`serves another list, made at ${created}`] : []),
    ...(list === "none" ? ["serves no list, and accepts every recipient of the relay domains"] : []),
  ];
  return `relay: process ${pid} ${parts.length === 0 ? "has this configuration and list loaded" : parts.join("; it ")}`;
}

function createdOf({ state }: SnapshotReader): number {
  return state.kind === "open" ? state.created : 0;
}

function absolute(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
