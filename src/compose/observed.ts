/** What observe mode came to: for `goodmailto observe report` and the status page. */
import { recipientsOf } from "./own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { denialOf } from "../files/denied.ts";
import { parseMailbox } from "../mail/address.ts";
import { createDomains } from "../mail/domains.ts";
import { mergeObserved, readObserved } from "../observe/observations.ts";
import type { Observed } from "../observe/observations.ts";
import { partPaths } from "../observe/part-paths.ts";
import { reportObserved } from "../observe/report.ts";
import type { Enough, ObserveReport } from "../observe/report.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";

/** How much must be seen for a verdict of safe, if nobody says otherwise. */
export const usualEnough: Enough = { recipients: 200, time: 3 * 86_400_000 };

/** What was observed by all workers; or why there is nothing. */
export function observedIn(file: string): Observed | string {
  return mergeObserved(partPaths(file).flatMap((path) => readObserved(path) ?? [])) ?? whyNothing(file);
}

function whyNothing(file: string): string {
  const denied = partPaths(file).find((path) => denialOf(path) !== undefined);
  if (denied !== undefined) {
    return `"${denied}" ${denialOf(denied)}`;
  }
  const why = file === "" ? "[recipients] observe_file is not set" : `"${file}" holds no observations`;
  return `${why}; the relay writes it while [recipients] mode is "observe"`;
}

/** With what the list says by now, if there is one here. */
export function judgeObserved(
  settings: Settings,
  observed: Observed,
  enough: Enough,
  snapshot: SnapshotReader | undefined,
): ObserveReport {
  if (snapshot === undefined) {
    return reportObserved(observed, enough, () => false);
  }
  try {
    const domains = createDomains(settings.domains.relay, settings.domains.aliases);
    const { find } = recipientsOf(settings, snapshot, domains);
    return reportObserved(observed, enough, (address) => {
      const mailbox = parseMailbox(address);
      const answer = mailbox === undefined ? undefined : find(mailbox);
      return answer?.kind === "known" && answer.restriction === undefined;
    });
  } finally {
    snapshot.close();
  }
}
