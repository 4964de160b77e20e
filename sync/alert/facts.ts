/** What an alert says: variables of its command, lines of its mail. */
import { hostname } from "node:os";

import type { Settings } from "../../src/config/sections.ts";
import type { AlertEvent, Incident } from "../remember/incident.ts";

/** The facts of an alert: variables of the command, lines of the mail. */
export type AlertFacts = Readonly<Record<`GOODMAILTO_${string}`, string>>;

/** The facts of one event. */
export function describe(settings: Settings, event: AlertEvent, incident: Incident): AlertFacts {
  const time = (at: number): string => (at === 0 ? "" : new Date(at).toISOString());
  return {
    GOODMAILTO_EVENT: event,
    GOODMAILTO_WHY: incident.why,
    GOODMAILTO_FAILURES: String(incident.failures),
    GOODMAILTO_SINCE: time(incident.since),
    GOODMAILTO_WHOLE: time(incident.whole),
    GOODMAILTO_SNAPSHOT: settings.snapshot.path,
    GOODMAILTO_HOST: settings.smtp.hostname === "" ? hostname() : settings.smtp.hostname,
  };
}
