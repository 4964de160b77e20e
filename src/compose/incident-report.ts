/** What the sync on this machine remembers: for `goodmailto status` and the status page. */
import { readIncident } from "../../sync/remember/incident.ts";
import type { LastRun } from "../files/sync-notes.ts";
import type { Settings } from "../config/sections.ts";
import { denialOf } from "../files/denied.ts";
import { incidentPath } from "../files/sync-notes.ts";
import { formatTime } from "./list-report.ts";

/** A sync that has not ended for so long is worth a word, in ms. GoodmailtoSyncSilent in config/monitoring has it too. */
export const silentAfter = 86_400_000;

/** What the sync on this machine remembers of its last runs; see docs/before-you-enforce.md. */
export interface IncidentReport {
  /** Runs since the last complete one. */
  readonly failures: number;
  readonly since: string | null;
  readonly why: string;
  /** The last run that read every source and published. */
  readonly whole: string | null;
  /** How the last run ended, and which guards refused its list; null: none is remembered. */
  readonly last: (Pick<LastRun, "result" | "guards"> & { readonly at: string }) | null;
  /** An alert was sent, and the end of it was not yet. */
  readonly told: boolean;
  /** `[[publish]]` targets that lack the list; each run tries them again. */
  readonly unpushed: readonly string[];
  /** Its file may not be read, so that nothing else here is known. */
  readonly denied: boolean;
}

/** Reads it. */
export function reportIncident({ snapshot, publish }: Settings): IncidentReport {
  const { failures, since, why, whole, last, told, unpushed } = readIncident(snapshot.path);
  const wanting = publish.flatMap(({ name }) => (unpushed.includes(name) ? [name] : []));
  const denied = denialOf(incidentPath(snapshot.path)) !== undefined;
  return {
    ...{ failures, since: formatTime(since), why, whole: formatTime(whole) },
    last: last === undefined ? null : { at: new Date(last.at).toISOString(), result: last.result, guards: last.guards },
    ...{ told, unpushed: wanting, denied },
  };
}
