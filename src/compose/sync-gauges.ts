/**
 * What the syncs of this machine came to, as gauges: for the relay's page, and for the file that node_exporter's
 * textfile collector reads.
 */
import type { Settings } from "../config/sections.ts";
import { replaceFile } from "../files/replace.ts";
import { guards, notesOf, readRawNotes } from "../files/sync-notes.ts";
import type { SyncNotes } from "../files/sync-notes.ts";
import { metricsPage } from "../ops/exposition.ts";
import type { Gauge } from "../ops/metrics.ts";
import { fileErrorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { syncGauges } from "../report/metric-names.ts";
import type { SyncGaugeName } from "../report/metric-names.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";

/** For everybody: the file names no address. */
const mode = 0o644;

/** From the files of the sync beside the snapshot; what they do not say, as on a relay that pulls, from the snapshot. */
export function syncGaugesBeside({ snapshot: { path }, publish }: Settings, { image }: SnapshotReader): Gauge[] {
  const notes = notesOf(readRawNotes(path));
  const known = notes.last === undefined && notes.whole === 0 ? [] : gaugesOf(notes, publish);
  if (image === undefined) {
    return known;
  }
  const of = (name: SyncGaugeName, value: number): Gauge => ({ name, value });
  const said = [
    of("sync_last_success_timestamp_seconds", image.asOf / 1000),
    ...(image.started === undefined
      ? []
      : [of("sync_duration_seconds", Math.max(0, (image.created - image.started) / 1000))]),
    of(
      "sync_entries",
      image.sources.reduce((sum, { entries }) => sum + entries, 0),
    ),
    of("sync_held", image.held === undefined ? 0 : 1),
  ];
  const isKnown = new Set(known.map(({ name }) => name));
  return [...known, ...said.filter(({ name }) => !isKnown.has(name))];
}

/** Writes the textfile of `[metrics]` after a run. An error is logged: it must not fail a sync. */
export function writeTextfile({ snapshot: { path }, metrics, publish }: Settings, log: Log): void {
  if (metrics.textfile === "") {
    return;
  }
  const gauges = gaugesOf(notesOf(readRawNotes(path)), publish);
  const names = new Set(Object.keys(syncGauges).map((name) => `goodmailto_${name}`));
  try {
    replaceFile(
      metrics.textfile,
      metricsPage({}, gauges, "text", ({ name }) => names.has(name)),
      { mode, likeFolder: true },
    );
  } catch (error) {
    log.error("metrics", "cannot write the textfile", { path: metrics.textfile, why: fileErrorMessage(error) });
  }
}

function gaugesOf({ whole, failures, last, unpushed }: SyncNotes, publish: Settings["publish"]): Gauge[] {
  const of = (name: SyncGaugeName, value: number): Gauge => ({ name, value });
  return [
    of("sync_last_success_timestamp_seconds", whole / 1000),
    of("sync_failures", failures),
    of("sync_unpushed_targets", publish.filter(({ name }) => unpushed.includes(name)).length),
    ...(last === undefined
      ? []
      : [
          of("sync_last_run_timestamp_seconds", last.at / 1000),
          of("sync_duration_seconds", last.seconds),
          of("sync_entries", last.entries),
          of("sync_held", last.result === "held" ? 1 : 0),
          ...guards.map((guard): Gauge => ({
            ...of("sync_refused", last.guards.includes(guard) ? 1 : 0),
            labels: { guard },
          })),
        ]),
  ];
}
