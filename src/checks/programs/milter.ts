/**
 * milter: asks a mail filter by Sendmail's protocol, version 6, and makes the changes that it wants. The protocol is in
 * src/milter; here are its settings and what becomes of its answers.
 */
import * as field from "../../config/fields.ts";
import type { CheckSession } from "../../hooks/check-session.ts";
import { defineCheck } from "../../hooks/check.ts";
import type { CheckDefinition } from "../../hooks/check.ts";
import type { WholeEdits } from "../../hooks/message.ts";
import { noteOf } from "../../hooks/notes.ts";
import type { Services } from "../../hooks/services.ts";
import { pass, refuse } from "../../hooks/verdict.ts";
import { printable } from "../../mail/reply.ts";
import { errorMessage } from "../../report/error-message.ts";
import { makeChange } from "../../milter/changes.ts";
import type { SmallChange } from "../../milter/gathered.ts";
import { milterParts } from "../../milter/link.ts";
import { macroName } from "../../milter/macros.ts";
import { milterPlaceRule, readMilterPlace } from "../../milter/place.ts";
import { MilterSession } from "../../milter/session.ts";
import type { Said } from "../../milter/said.ts";
import { milterReasons, refusedFor, verdictOf } from "./milter-verdict.ts";
import type { MilterMoment, MilterVerdict, VerdictRules } from "./milter-verdict.ts";

/** Changes that cannot be made are logged one by one up to here. */
const mostRemarks = 10;

export const milter: CheckDefinition = defineCheck({
  name: "milter",
  doc: "Asks a milter (opendkim, opendmarc, clamav-milter, rspamd and others) from the connection to the end of each message, and makes the changes that it wants. Messages are spooled. Clients with NOMILTER skip it.",
  original:
    "qpsmtpd plugin milter, which ignored accept, tempfail, discard and changes of recipients, and Postfix's milter client, whose protocol and replies are used. discard, quarantine and default_action = off are choices of goodmailto's own.",
  failure:
    "If the milter cannot be reached, does not answer in time, closes the connection or violates the protocol, default_action applies to the transaction, and none of its changes is made. The next transaction tries again. After three failures in a row, it is not connected to for ten seconds.",
  stage: "last",
  hooks: ["connection", "helo", "mail", "rcpt", "data", "message", "unrecognised", "concluded", "end"],
  needs: "whole",
  settings: {
    url: field.textBy(
      milterPlaceRule,
      "inet:127.0.0.1:8891",
      "Address of the milter: inet:host:port, inet:port@host or unix:/path.",
    ),
    timeout: field.durations(
      { connect: "5s", command: "30s", body: "10m" },
      ["10ms", "1h"],
      "Time limits: connect, to establish the connection; command, for the answer to each command; body, for each part of a message and for the final verdict. [limits] message_checks applies as well.",
    ),
    default_action: field.choice(
      ["accept", "defer", "refuse", "off"],
      "accept",
      "What to do if the milter cannot be used. accept: continue without it, and try it again for the next message. defer: 451. refuse: 550. off: continue without it until the session ends.",
    ),
    discard: field.choice(
      ["refuse", "accept"],
      "refuse",
      "What to do with a message that the milter wants to discard, since goodmailto accepts no message that it does not deliver. refuse: 554. accept: deliver it.",
    ),
    quarantine: field.choice(
      ["header", "refuse"],
      "header",
      "What to do with a message that the milter wants to quarantine. header: deliver it with a field X-Quarantine that contains the reason. refuse: 554.",
    ),
    explain: field.flag(
      false,
      "Reply as qpsmtpd's plugin did: \"Rejected at PHASE by NAME milter (TEXT)\". NAME is the name of the instance, TEXT the milter's own reply.",
    ),
    phases: field.choices(
      milterParts,
      milterParts,
      "What the milter gets besides connection, sender, recipients and the end of the message. A milter asks for what it needs; remove what a faulty one must not get.",
    ),
    macros: field.table(
      {},
      'Macros with fixed values, which replace those of the session: daemon_name = "ORIGINATING" for example, as opendkim\'s MacroList wants it.',
    ),
  },
  reasons: milterReasons,
  create(values, services) {
    const { url, timeout, default_action: defaultAction, discard, quarantine, explain, phases, macros } = values;
    const { label, hostname } = services;
    const options = {
      place: readMilterPlace(url),
      times: timeout,
      parts: new Set(phases),
      hostname,
      fixed: new Map(Object.entries(macros).map(([name, value]) => [macroName(name), value])),
    };
    const explainAs = explain ? label.split(":").slice(1).join(":") : undefined;
    const rules: VerdictRules = { defaultAction, discard, explainAs };
    const guard = services.scanner.guard(`milter at ${url}`);
    const sessions = noteOf<MilterSession>("session");
    const sessionOf = (session: CheckSession): MilterSession => {
      const known = sessions.get(session) ?? new MilterSession(session, options, guard);
      sessions.set(session, known);
      return known;
    };
    const ask = async (
      session: CheckSession,
      moment: MilterMoment,
      question: (milter: MilterSession) => Promise<Said>,
    ): Promise<MilterVerdict> => {
      const known = sessionOf(session);
      const said = await question(known);
      if (said.kind === "unavailable" && defaultAction === "off") {
        known.giveUp();
      }
      return verdictOf(said, moment, rules);
    };
    const isOff = (session: CheckSession): boolean => session.has("NOMILTER");
    return {
      connection: (session) => (isOff(session) ? pass : ask(session, "connection", (one) => one.connected())),
      helo: (session) => (isOff(session) ? pass : ask(session, "helo", (one) => one.greeted())),
      mail: (session) => (isOff(session) ? pass : ask(session, "mail", (one) => one.mail())),
      rcpt: (session) => (isOff(session) ? pass : ask(session, "rcpt", (one) => one.rcpt())),
      data: (session) => (isOff(session) ? pass : ask(session, "data", (one) => one.data())),
      wants: (session) => !isOff(session) && sessions.get(session)?.wantsMessage === true,
      async message(session, message) {
        const said = await sessionOf(session).message(message);
        if (said.kind !== "changes") {
          return ask(session, "message", () => Promise.resolve(said));
        }
        const reason = said.changes.findLast(({ kind }) => kind === "quarantine");
        if (reason?.kind === "quarantine" && quarantine === "refuse") {
          return refuse("quarantined", refusedFor("message"));
        }
        makeChanges(said.changes, message, session, services);
        return pass;
      },
      unrecognised: (session, line) => (isOff(session) ? undefined : sessions.get(session)?.unknown(line)),
      concluded: (session) => sessions.get(session)?.concluded(),
      end: (session) => sessions.get(session)?.end(),
    };
  },
});

/** Makes them one after the other; one that cannot be made is left out, with a warning. */
function makeChanges(
  changes: readonly SmallChange[],
  edits: WholeEdits,
  session: Pick<CheckSession, "id" | "transaction">,
  { log, label }: Pick<Services, "log" | "label">,
): void {
  let left = 0;
  for (const change of changes) {
    try {
      if (change.kind === "quarantine") {
        edits.insertHeader(0, `X-Quarantine: ${printable(change.reason)}`);
      } else {
        makeChange(change, edits, session);
      }
    } catch (error) {
      if (!(error instanceof RangeError)) {
        throw error;
      }
      left += 1;
      if (left <= mostRemarks) {
        log.warning(label, "change not made", { session: session.id, change: change.kind, why: errorMessage(error) });
      }
    }
  }
  log.debug(label, "changes", { session: session.id, changes: changes.length - left });
}
