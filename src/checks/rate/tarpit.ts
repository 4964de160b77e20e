/**
 * tarpit: a client whose commands are refused is answered more and more slowly, qpsmtpd's tarpit; and with qmail's
 * TARPITCOUNT and TARPITDELAY each recipient of a message with many of them waits. Times in ms.
 */
import { setTimeout as sleep } from "node:timers/promises";

import * as field from "../../config/fields.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import { immune } from "../../hooks/exemption.ts";
import type { HookName } from "../../hooks/hook-names.ts";
import { noteOf } from "../../hooks/notes.ts";
import { pass } from "../../hooks/verdict.ts";

const events = ["helo", "auth", "mail", "rcpt", "data", "unrecognised"] as const;

/** What a refusal at a hook counts as. */
const eventOf: Partial<Readonly<Record<HookName, (typeof events)[number]>>> = {
  helo: "helo",
  auth: "auth",
  mail: "mail",
  rcpt: "rcpt",
  data: "data",
  header: "data",
  message: "data",
};

const settings = {
  after: field.integer(1, 1, 10_000, "Number of the first refusal in a session whose reply is delayed."),
  delay: field.duration("1s", "Delay of the first of these replies.", ["1ms", "1m"]),
  factor: field.integer(
    2,
    1,
    10,
    "Factor by which the delay grows with each further refusal. 1: all delays are equal.",
  ),
  max: field.duration("20s", "Maximum delay, also for TARPITDELAY.", ["0s", "1m"]),
  events: field.choices(
    events,
    events,
    "Refused commands that count and are delayed. data: includes refused messages. unrecognised: unknown commands. Wrong passwords are also delayed by [auth] failure_delay.",
  ),
};

/** How long the nth refusal of a session waits. */
export function delayOf(
  nth: number,
  { after, delay, factor, max }: { after: number; delay: number; factor: number; max: number },
): number {
  return nth < after ? 0 : Math.min(max, delay * factor ** Math.min(nth - after, 20));
}

/** TARPITCOUNT and TARPITDELAY (seconds, 5 if not set) of a client rule; no TARPITCOUNT, or 0: never. */
function qmailDelay(session: CheckSession, nth: number, max: number): number {
  const numberIn = (name: string, otherwise: number): number => {
    const text = session.variables.get(name) ?? "";
    return /^\d{1,9}$/.test(text) ? Number(text) : otherwise;
  };
  const count = numberIn("TARPITCOUNT", 0);
  return count === 0 || nth <= count ? 0 : Math.min(max, numberIn("TARPITDELAY", 5) * 1000);
}

export const tarpit: CheckDefinition = defineCheck({
  name: "tarpit",
  doc: "Delays the replies to refused commands of a session, each longer than the previous one, up to a maximum. Other sessions are not delayed. Refuses nothing. If [limits] harvest_delay_after applies too, only the longer delay counts. TARPITCOUNT and TARPITDELAY in the client rules are qmail's: after TARPITCOUNT recipients of a message, accepted or not, each RCPT is delayed by TARPITDELAY seconds.",
  original:
    "qpsmtpd plugin tarpit, whose source is lost; TARPITCOUNT and TARPITDELAY are those of qmail's tarpit patch.",
  failure: "None: it uses only the session.",
  stage: "note",
  hooks: ["rcpt", "denied", "unrecognised"],
  unless: immune,
  settings,
  reasons: {},
  create(chosen, { log }) {
    const counted = new Set<string>(chosen.events);
    const refusals = noteOf<number>("session");
    const recipients = noteOf<number>("transaction");
    /** How long a recipient has waited already. */
    const waited = noteOf<number>("recipient");

    const refused = (session: CheckSession, hook: HookName): Promise<void> | undefined => {
      const nth = (refusals.get(session) ?? 0) + 1;
      refusals.set(session, nth);
      const ms = delayOf(nth, chosen) - (hook === "rcpt" ? (waited.get(session) ?? 0) : 0);
      if (nth === chosen.after) {
        log.info("tarpit", "slowed down", { session: session.id, ip: session.client.ip, refusals: nth });
      }
      return ms > 0 ? sleep(ms, undefined, { ref: false }) : undefined;
    };
    return {
      rcpt(session) {
        const nth = (recipients.get(session) ?? 0) + 1;
        recipients.set(session, nth);
        const ms = qmailDelay(session, nth, chosen.max);
        waited.set(session, ms);
        return ms > 0 ? sleep(ms, pass, { ref: false }) : pass;
      },
      denied(session, { hook, reason }) {
        // [auth] failure_delay has kept that reply waiting.
        const isWrongPassword = hook === "auth" && reason === "wrong password";
        return !isWrongPassword && counted.has(eventOf[hook] ?? "") ? refused(session, hook) : undefined;
      },
      unrecognised(session) {
        return counted.has("unrecognised") ? refused(session, "unrecognised") : undefined;
      },
    };
  },
});
