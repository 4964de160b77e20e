/** `[log] events` into who takes note of refusals and deliveries. */
import type { Settings } from "../config/sections.ts";
import { eventFields } from "../log/event-line.ts";
import type { MailEvent, Recorder } from "../report/event.ts";
import type { Log } from "../report/log.ts";

/** Takes note of every event. */
export type Journal = Pick<Recorder, "note">;

/** Undefined: nobody wants any event, and none is made. @param journal undefined: none is kept */
export function createRecord({ log: { events, level } }: Settings, log: Log, journal?: Journal): Recorder | undefined {
  const isLogged = events !== "off" && (level === "info" || level === "debug");
  const isAll = isLogged && events === "all";
  if (!isLogged && journal === undefined) {
    return undefined;
  }
  return {
    wants: (told) => journal !== undefined || isAll || (isLogged && !told),
    note(event: MailEvent, told: boolean): void {
      if (isAll || (isLogged && !told)) {
        log.info("event", event.kind, eventFields(event));
      }
      journal?.note(event, told);
    },
  };
}
