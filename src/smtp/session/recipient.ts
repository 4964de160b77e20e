/**
 * RCPT TO: from a mailbox to an answer, in the order of DESIGN.md: note-takers, queued refusals, policy checks,
 * the relay-domain verdict, the recipient check, the next hop's own answer.
 */
import type { Reason } from "../../hooks/check.ts";
import type { Outcome } from "../../hooks/pipeline.ts";
import { variableForm } from "../../hooks/session.ts";
import type { Session, Transaction } from "../../hooks/session.ts";
import { foldAscii, namesRoute, normalDomain, normalKey, parseMailbox } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import { labelsBy } from "../../report/counters.ts";
import type { OurAnswer } from "../../report/observer.ts";
import { parseReply, reply } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import { answers, dropped, say, sayAndClose } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { Service } from "../service.ts";

/** What of a service the answer to a recipient needs; `goodmailto check` has no more than this. */
export type RecipientService = Pick<Service, "recipients" | "domains" | "log" | "counters" | "pipeline">;

/** A recipient that passed every check of ours, or the answer that it got instead. */
export type Judged =
  | {
      readonly kind: "passed";
      readonly mailbox: Mailbox;
      readonly line: string;
      readonly check: string;
      /** What the list said of it; undefined where it was not asked. */
      readonly ours?: OurAnswer | undefined;
    }
  | { readonly kind: "answered"; readonly response: Response; readonly unknown?: true };

const accepted = labelsBy("check", { verdict: "accepted" });
const refusedBy = labelsBy("check", { verdict: "refused" });
const refusedRoute = "refused (route in user part)";

/** Puts a recipient through the checks. Synchronous as long as they are. */
export function judgeRecipient(
  service: RecipientService,
  session: Session,
  transaction: Transaction,
  mailbox: Mailbox,
): Judged | Promise<Judged> {
  session.recipient = mailbox;
  // A note-taker sees every recipient, also the ones that are refused next; its verdict does not count here.
  const noted = service.pipeline.run("rcpt", session, "note");
  const go = (): Judged | Promise<Judged> => {
    const sender = service.pipeline.run("rcpt", session, "sender");
    return sender instanceof Promise ? sender.then(afterSender) : afterSender(sender);
  };
  // A bad sender is told before any plugin runs, and is not counted.
  const afterSender = (sender: Outcome): Judged | Promise<Judged> => {
    if (sender.verdict.kind === "refuse") {
      const status = `refused (${sender.verdict.reason})`;
      return refused(service, session, mailbox, sender.check, status, say(sender.verdict.reply));
    }
    const late = queuedReply(session.late.rcpt);
    if (late !== undefined) {
      return refused(service, session, mailbox, "spp", "refused (queued by plugin)", say(late));
    }
    transaction.asked++;
    setVariables(service, session, transaction, mailbox);
    session.changing = "rcpt";
    const outcome = service.pipeline.run("rcpt", session, "policy");
    return outcome instanceof Promise
      ? outcome.then((settled) => afterPolicy(service, session, settled))
      : afterPolicy(service, session, outcome);
  };
  return noted instanceof Promise ? noted.then(go) : go();
}

/** Lines queued by `refuse-later`, as one reply: two of them would be taken for the answers to two commands. */
export function queuedReply(lines: readonly string[]): Reply | undefined {
  const replies = lines.filter((line) => parseReply(line) !== undefined);
  const code = replies.at(-1)?.slice(0, 3);
  return code === undefined ? undefined : reply(Number(code), "", ...replies.map((line) => line.slice(4)));
}

function setVariables(service: RecipientService, session: Session, transaction: Transaction, mailbox: Mailbox): void {
  const { variables } = session;
  variables.set("SMTPRCPTTO", variableForm(mailbox));
  variables.set("SMTPRCPTCOUNT", String(transaction.accepted.length));
  variables.set("SMTPRCPTCOUNTALL", String(transaction.asked));
  variables.set("SMTPRCPTHOSTSOK", isRelayed(service, session, mailbox) ? "1" : "0");
}

function isOurs(service: RecipientService, mailbox: Mailbox): boolean {
  return mailbox.domain === "" || service.domains.canonical(mailbox.domain) !== undefined;
}

function isRelayed(service: RecipientService, session: Session, mailbox: Mailbox): boolean {
  return session.has("RELAYCLIENT") || isOurs(service, mailbox);
}

function afterPolicy(service: RecipientService, session: Session, outcome: Outcome): Judged | Promise<Judged> {
  session.changing = undefined;
  const mailbox = withRelaySuffix(session);
  session.recipient = mailbox;
  const { verdict } = outcome;
  if (mailbox === undefined || verdict.kind === "drop") {
    return { kind: "answered", response: dropped };
  }
  if (verdict.kind === "refuse") {
    const response = verdict.close === true ? sayAndClose(verdict.reply) : say(verdict.reply);
    return refused(service, session, mailbox, outcome.check, `refused (${verdict.reason})`, response);
  }
  if (verdict.kind !== "ok") {
    const denied = relayVerdict(service, session, mailbox);
    if (denied !== undefined) {
      return denied;
    }
  }
  if (verdict.kind !== "pass" || !isOurs(service, mailbox)) {
    const why = verdict.kind === "pass" ? "accepted (RELAYCLIENT)" : `accepted (${outcome.check})`;
    return { kind: "passed", mailbox, line: why, check: "goodmailto" };
  }
  const answer = service.pipeline.run("rcpt", session, "recipient");
  return answer instanceof Promise
    ? answer.then((settled) => afterRecipient(service, session, mailbox, settled))
    : afterRecipient(service, session, mailbox, answer);
}

/** qmail appends the value of RELAYCLIENT to each recipient, "@host" for example; it is mostly empty. */
function withRelaySuffix(session: Session): Mailbox | undefined {
  const suffix = session.variables.get("RELAYCLIENT") ?? "";
  const { recipient } = session;
  if (suffix === "" || recipient === undefined) {
    return recipient;
  }
  const raw = recipient.raw + suffix;
  const at = raw.lastIndexOf("@");
  const domain = normalDomain(raw.slice(at + 1));
  return at < 0 || domain === undefined ? (parseMailbox(raw) ?? recipient) : { raw, user: raw.slice(0, at), domain };
}

/** Whether we may relay to this recipient at all; whatever else is broken, this is not. DESIGN.md promise 2. */
function relayVerdict(service: RecipientService, session: Session, mailbox: Mailbox): Judged | undefined {
  if (session.has("RELAYCLIENT")) {
    return undefined;
  }
  if (!isOurs(service, mailbox)) {
    return refused(service, session, mailbox, "goodmailto", "refused (relaying denied)", say(answers.relayingDenied));
  }
  // `user%NOTESDOMAIN@ours` and its like pass only where the directory lists them just so.
  if (namesRoute(mailbox.user) && service.recipients.find(mailbox).kind !== "known") {
    return refused(service, session, mailbox, "goodmailto", refusedRoute, say(answers.relayingDenied));
  }
  return undefined;
}

/** What enforcing would refuse for, as the answer of the list. */
const observedAnswers: Readonly<Partial<Record<Reason, OurAnswer>>> = {
  "unknown recipient": "unknown",
  "unknown recipient, old list": "unknown",
  "vanished recipient": "vanished",
  "suspended recipient": "suspended",
  "internal recipient": "internal",
  "sender not accepted": "sender",
};

/** What the recipient check found, as the answer of the list. */
function ourAnswer({ check, note, observed }: Outcome): OurAnswer | undefined {
  if (check !== "goodmailto") {
    return undefined;
  }
  return observed === undefined ? (note === "found" ? "known" : undefined) : observedAnswers[observed];
}

function afterRecipient(service: RecipientService, session: Session, mailbox: Mailbox, outcome: Outcome): Judged {
  const { verdict } = outcome;
  if (verdict.kind === "drop") {
    return { kind: "answered", response: dropped };
  }
  if (verdict.kind === "refuse") {
    if (verdict.reason === "unknown recipient") {
      return { ...refused(service, session, mailbox, outcome.check, "not found", say(verdict.reply)), unknown: true };
    }
    const status = verdict.note ?? `refused (${verdict.reason})`;
    // A 450 because of an old list is no sign of a harvester: only 550 5.1.1 counts.
    return refused(service, session, mailbox, outcome.check, status, say(verdict.reply));
  }
  if (outcome.note === "accepted (no snapshot)") {
    service.counters.add("failed_open");
  }
  const line = outcome.note === "" ? "accepted" : outcome.note;
  return { kind: "passed", mailbox, line, check: "goodmailto", ours: ourAnswer(outcome) };
}

function refused(
  service: RecipientService,
  session: Session,
  mailbox: Mailbox,
  check: string,
  status: string,
  response: Response,
): Extract<Judged, { kind: "answered" }> {
  logVerdict(service, session, mailbox, check, status, response.reply);
  return { kind: "answered", response };
}

/** Logs what the next hop said to a recipient that passed, and notes both answers for observe mode. @returns whether it is taken */
export function concludeRecipient(
  service: Service,
  session: Session,
  { mailbox, check, line, ours }: Extract<Judged, { kind: "passed" }>,
  answer: Reply,
): boolean {
  const accepted = answer.code >= 200 && answer.code < 300;
  const said = answer.said ?? answer.code;
  const theirs = said === 0 ? `${answer.code} of our own` : `next hop said ${said}`;
  // Where our own answer was another, the log has both beside each other.
  const status = accepted && (ours === undefined || ours === "known") ? line : `${line}, ${theirs}`;
  logVerdict(service, session, mailbox, check, status, answer);
  if (ours !== undefined && said !== 0) {
    const { user, domain } = mailbox;
    service.observer?.note(normalKey(user, service.domains.canonical(domain) ?? domain), ours, said);
  }
  return accepted;
}

/** The one log line of a recipient. @param answer what the client is told; undefined before the next hop answered */
export function logVerdict(
  service: RecipientService,
  session: Session,
  mailbox: Mailbox,
  check: string,
  status: string,
  answer: Reply | undefined,
): void {
  service.counters.add("recipients", (answer?.code ?? 250) < 400 ? accepted(check) : refusedBy(check));
  service.log.verdict({
    check,
    host: session.client.host === "" ? session.client.ip : session.client.host,
    from: session.transaction?.sender?.raw ?? "",
    user: foldAscii(mailbox.user),
    address: mailbox.raw,
    status,
    more: {
      session: session.id,
      ip: session.client.ip,
      helo: session.helo,
      listener: session.listener,
      code: answer?.code,
      ms: session.elapsed(),
    },
  });
}
