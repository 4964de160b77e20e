/** Early talkers: clients that send before the greeting. `[smtp] early_talker`, qpsmtpd's check_earlytalker. */
import type { Exemption } from "../../config/check-words.ts";
import { isExempt } from "../../hooks/exemption.ts";
import type { Session } from "../../hooks/session.ts";
import { reply } from "../../mail/reply.ts";
import type { Decision } from "../../report/event.ts";
import { say, sayAndClose } from "../answers.ts";
import type { Response } from "../answers.ts";
import { serverName } from "../decision.ts";
import type { EarlyTalkAction, Service } from "../service.ts";

/** Session variable of an early talker: the note that checks and plugins read. */
const variable = "EARLYTALKER";
const by: Decision = { check: serverName, reason: "early talker", told: true };
/** Who may talk as early as it likes. */
const excused: readonly Exemption[] = ["relay client", "bypass", "whitelisted"];

/** In place of the greeting. RFC 5321 3.1 allows 554 and 421 there; 450 and 550, as in qpsmtpd, it does not. */
function atGreeting(action: EarlyTalkAction, text: string): Response | undefined {
  switch (action) {
    case "refuse":
      return sayAndClose(reply(421, "4.7.0", text), by);
    case "refuse-permanent":
      return sayAndClose(reply(554, "5.7.1", text), by);
    case "defer":
    case "defer-permanent":
    case "log":
      return undefined;
  }
}

/** To each MAIL. */
function atMail(action: EarlyTalkAction, text: string): Response | undefined {
  switch (action) {
    case "defer":
      return say(reply(450, "4.7.1", text), by);
    case "defer-permanent":
      return say(reply(550, "5.7.1", text), by);
    case "refuse":
    case "refuse-permanent":
    case "log":
      return undefined;
  }
}

/** Takes note of a client that has talked early; what it has in place of the greeting, unless it is greeted. */
export function noteEarlyTalk({ limits }: Service, session: Session): Response | undefined {
  if (isExempt(session, excused, "connection")) {
    return undefined;
  }
  session.variables.set(variable, "");
  return atGreeting(limits.earlyTalker, limits.earlyTalkerText);
}

/** Whether the session is one of an early talker. */
export function isEarlyTalker(session: Session): boolean {
  return session.has(variable);
}

/** What an early talker has in reply to MAIL; undefined: this one is heard. */
export function refuseEarlyTalker({ limits }: Service, session: Session): Response | undefined {
  return isEarlyTalker(session) && !isExempt(session, excused, "mail")
    ? atMail(limits.earlyTalker, limits.earlyTalkerText)
    : undefined;
}
