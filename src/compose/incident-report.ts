/** What the sync on this machine remembers: for `goodmailto status` and the status page. */
import { readIncident } from "../../sync/remember/incident.ts";
import type { Settings } from "../config/sections.ts";
import { denialOf } from "../files/denied.ts";
import { incidentPath } from "../files/sync-notes.ts";
import { formatTime } from "./list-report.ts";

/** What the sync on this machine remembers of its last runs; see docs/before-you-enforce.md. */
export interface IncidentReport {
  /** Runs since the last complete one. */
  readonly failures: number;
  readonly since: string | null;
  readonly why: string;
  /** The last run that read every source and published. */
  readonly whole: string | null;
  /** An alert was sent, and the end of it was not yet. */
  readonly told: boolean;
  /** `[[publish]]` targets that lack the list; each run tries them again. */
  readonly unpushed: readonly string[];
  /** Its file may not be read, so that nothing else here is known. */
  readonly denied: boolean;
}

/** Reads it. */
export function reportIncident({ snapshot, publish }: Settings): IncidentReport {
  const { failures, since, why, whole, told, unpushed } = readIncident(snapshot.path);
  const wanting = publish.flatMap(({ name }) => (unpushed.includes(name) ? [name] : []));
  const denied = denialOf(incidentPath(snapshot.path)) !== undefined;
  return { failures, since: formatTime(since), why, whole: formatTime(whole), told, unpushed: wanting, denied };
}
