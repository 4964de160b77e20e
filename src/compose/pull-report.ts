/** What the pulls of this machine came to of late: for `goodmailto status`, doctor, the metrics and the status page. */
import { parsePlace } from "../config/place.ts";
import type { Settings } from "../config/sections.ts";
import { denialOf } from "../files/denied.ts";
import { pullStatePath, readState } from "../pull/state.ts";
import { formatTime } from "./list-report.ts";

/** As `status --json` prints it. */
export interface PullReport {
  /** Since the last one that succeeded, a pull without news among them. */
  readonly failures: number;
  readonly since: string | null;
  readonly why: string;
  /** There were `[alert] after_failures`: somebody should look. */
  readonly alarm: boolean;
  /** Its file may not be read, so that nothing else here is known. */
  readonly denied: boolean;
}

/** Reads it; null: nothing is pulled here. */
export function reportPull({ snapshot, pull, alert }: Settings): PullReport | null {
  const place = snapshot.pull === "" ? undefined : parsePlace({ ...pull, url: snapshot.pull });
  if (place === undefined) {
    return null;
  }
  const path = pullStatePath(snapshot.path);
  const { failures, since, why } = readState(path, place.url.href);
  const alarm = failures >= alert.after_failures;
  return { failures, since: formatTime(since), why, alarm, denied: denialOf(path) !== undefined };
}
