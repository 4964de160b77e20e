/** Refuses nothing: logs what it hears. */
import { defineCheck, field, noteOf } from "goodmailto/check";
import type { CheckSession } from "goodmailto/check";

/** Commands nobody knew, so far. */
const heard = noteOf<number>("session");

export const ear = defineCheck({
  name: "ear",
  doc: "For a test.",
  stage: "policy",
  hooks: ["denied", "unrecognised", "concluded", "end"],
  settings: { breaks: field.flag(false, "Throws each time.") },
  reasons: {},
  create: ({ breaks }, { log }) => {
    const hear = (session: CheckSession, event: string, facts: Readonly<Record<string, unknown>>): void => {
      log.info("ear", event, { ...facts, session: session.id } as never);
      if (breaks) {
        throw new Error(`broken ear at ${event}`);
      }
    };
    return {
      denied: (session, { check, reason, hook }) => hear(session, "denied", { check, reason, hook }),
      unrecognised: (session, line) => {
        heard.set(session, (heard.get(session) ?? 0) + 1);
        hear(session, "unrecognised", { line });
      },
      concluded: (session, conclusion) =>
        hear(session, "concluded", { conclusion, accepted: session.transaction?.accepted.length }),
      end: (session) => hear(session, "end", { unknown: heard.get(session) ?? 0, helo: session.helo }),
    };
  },
});
