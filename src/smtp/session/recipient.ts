/**
 * RCPT TO: from a mailbox to a verdict. The marks of the server are in one table and hold whatever `[checks] run` says;
 * the next hop's own reply comes last. docs/flow.md.
 */
import type { Denial } from "../../hooks/check.ts";
import { isExempt } from "../../hooks/exemption.ts";
import { refusedFor, wordsOf } from "../../hooks/outcome.ts";
import type { Outcome } from "../../hooks/outcome.ts";
import type { Session } from "../../hooks/session.ts";
import type { Pending } from "../../hooks/suspicion.ts";
import type { Transaction } from "../../hooks/transaction.ts";
import type { Mailbox } from "../../mail/address.ts";
import { ourAnswers } from "../../report/observer.ts";
import type { OurAnswer } from "../../report/observer.ts";
import { answers, dropped, say } from "../answers.ts";
import type { Response } from "../answers.ts";
import { decisionOf, serverName } from "../decision.ts";
import { isOurs, relayFault } from "../relayable.ts";
import type { Service } from "../service.ts";
import { afterWith, refusalOf } from "./outcome.ts";
import { atRcpt, queuedBy, queuedReply } from "./waiting-reply.ts";
import { withRelaySuffix } from "./relay-suffix.ts";
import { noteRecipient } from "./recipient-variables.ts";
import { logRecipient } from "./recipient-log.ts";
import type { RecipientLogging } from "./recipient-log.ts";

/** What of a service the verdict on a recipient needs; `goodmailto check` has no more than this. */
export type RecipientService = Pick<Service, "recipients" | "domains" | "pipeline"> & RecipientLogging;

/** A recipient that passed every check, or the response that it got instead. */
export type Judged =
  | ({
      readonly kind: "passed";
      readonly mailbox: Mailbox;
      /** The words of the log line. */
      readonly status: string;
      readonly check: string;
      /** What the list said of it; undefined if it was not asked. */
      readonly ours?: OurAnswer | undefined;
    } & Found)
  | ({ readonly kind: "answered"; readonly response: Response } & Found);

/** What the check found that decided or spoke last. */
interface Found {
  readonly finding?: string | undefined;
}

/** One recipient on its way through the marks. */
interface Case {
  readonly service: RecipientService;
  readonly session: Session;
  readonly transaction: Transaction;
  /** What the checks of stage policy came to. */
  policy: Outcome | undefined;
}

/** One mark: a verdict, or undefined for the next mark. */
type Mark = (at: Case) => Judged | undefined | Promise<Judged | undefined>;

/** What must hold for every recipient, in this order. */
const marks: readonly Mark[] = [
  takeNotes,
  refuseBadSender,
  refuseQueued,
  countRecipient,
  askPolicy,
  refuseForeign,
  passUnlisted,
  askRecipientChecks,
];

/** Puts a recipient through the marks. Synchronous as long as they are. */
export function judgeRecipient(
  service: RecipientService,
  session: Session,
  transaction: Transaction,
  mailbox: Mailbox,
): Judged | Promise<Judged> {
  session.recipient = mailbox;
  return walk({ service, session, transaction, policy: undefined }, 0);
}

function walk(at: Case, first: number): Judged | Promise<Judged> {
  for (let i = first; i < marks.length; i++) {
    const judged = marks[i]?.(at);
    if (judged instanceof Promise) {
      return walkLater(at, judged, i + 1);
    }
    if (judged !== undefined) {
      return judged;
    }
  }
  return passed(at, undefined);
}

async function walkLater(at: Case, judged: Promise<Judged | undefined>, next: number): Promise<Judged> {
  return (await judged) ?? walk(at, next);
}

function mailboxOf({ session }: Case): Mailbox {
  // judgeRecipient sets it, and no effect takes it away.
  return session.recipient as Mailbox;
}

/** A note-taker sees every recipient, also the ones that are refused next; its verdict does not count here. */
function takeNotes({ service, session }: Case): Promise<undefined> | undefined {
  service.pipeline.introduce(session);
  const noted = service.pipeline.run("rcpt", session, "note");
  return noted instanceof Promise ? noted.then(() => undefined) : undefined;
}

/** A bad sender is refused before any plugin runs, and is not counted. */
function refuseBadSender(at: Case): Judged | undefined | Promise<Judged | undefined> {
  return afterWith(at.service.pipeline.run("rcpt", at.session, "sender"), at, afterSenderChecks);
}

function afterSenderChecks(outcome: Outcome, at: Case): Judged | undefined {
  const { kind } = outcome.verdict;
  return kind === "refuse" || kind === "drop" ? refused(at, outcome) : undefined;
}

/** Replies that plugins queued, and refusals of checks in mode later. */
function refuseQueued(at: Case): Judged | undefined | Promise<Judged> {
  const { session } = at;
  const queued = queuedReply(session.late.rcpt);
  if (queued !== undefined) {
    return answered(at, "refused (queued by plugin)", say(queued, { ...queuedBy, told: true }));
  }
  const { pending } = session;
  return pending.length === 0 ? undefined : refusePending(at, pending);
}

function refusePending(at: Case, all: readonly Pending[]): Judged | undefined | Promise<Judged> {
  const { service, session } = at;
  // A login, or another recipient, may have changed whom the check leaves alone.
  const pending = all.find(({ step }) => !isExempt(session, step.unless, "rcpt"));
  if (pending === undefined) {
    return undefined;
  }
  const { verdict, step } = pending;
  const by = { check: step.label, reason: verdict.reason, told: true, counted: true };
  const judged = answered(at, refusedFor(step, verdict.reason), refusalOf(verdict, atRcpt(verdict.reply), by));
  const wait = service.pipeline.refused(step, verdict.reason, "rcpt", session);
  return wait === undefined ? judged : wait.then(() => judged);
}

function countRecipient(at: Case): undefined {
  noteRecipient(at.service, at.session, at.transaction, mailboxOf(at));
}

function askPolicy(at: Case): Judged | undefined | Promise<Judged | undefined> {
  const { service, session } = at;
  session.changing = "rcpt";
  return afterWith(service.pipeline.run("rcpt", session, "policy"), at, afterPolicy);
}

function afterPolicy(outcome: Outcome, at: Case): Judged | undefined {
  const { session } = at;
  session.changing = undefined;
  session.changeRecipient(withRelaySuffix(session, mailboxOf(at)));
  at.policy = outcome;
  return ending(at, outcome);
}

/** What ends a recipient's way; undefined: it goes on. */
function ending(at: Case, outcome: Outcome): Judged | undefined {
  switch (outcome.verdict.kind) {
    case "drop":
      return { kind: "answered", response: { ...dropped, by: decisionOf(outcome) } };
    case "refuse":
      return refused(at, outcome);
    case "pass":
    case "next":
    case "ok":
    case "accept-session":
      return undefined;
  }
}

/**
 * Whether relaying to this recipient is allowed at all; this holds even if everything else is broken. docs/design.md
 * promise 2.
 */
function refuseForeign(at: Case): Judged | undefined | Promise<Judged | undefined> {
  const { service, session, policy } = at;
  // A plugin's `ok` is one of the two doors; RELAYCLIENT is the other.
  const fault = policy?.verdict.kind === "ok" ? undefined : relayFault(service, session, mailboxOf(at));
  return fault === undefined ? undefined : denied(at, fault);
}

/** A recipient that no list is asked about: foreign ones of relay clients, and where a check said so. */
function passUnlisted(at: Case): Judged | undefined | Promise<Judged> {
  const { policy } = at;
  const decided = policy !== undefined && policy.verdict.kind !== "pass" ? policy : undefined;
  if (decided === undefined && isOurs(at.service, mailboxOf(at))) {
    return undefined;
  }
  return passed(at, `accepted (${decided?.step?.label ?? "RELAYCLIENT"})`);
}

function askRecipientChecks(at: Case): Judged | undefined | Promise<Judged | undefined> {
  return afterWith(at.service.pipeline.run("rcpt", at.session, "recipient"), at, afterRecipientChecks);
}

function afterRecipientChecks(outcome: Outcome, at: Case): Judged | Promise<Judged> {
  const end = ending(at, outcome);
  if (end !== undefined) {
    return end;
  }
  if (outcome.finding === "unavailable") {
    at.service.counters.add("failed_open");
  }
  return passed(at, wordsOf(outcome), outcome);
}

/**
 * What recipient checks that observe found, as the answer of the list; an old list cannot tell, and says unknown too.
 */
function ourAnswer({ finding, observed, step }: Outcome): OurAnswer | undefined {
  if (observed === undefined) {
    return finding === "known" && step?.mode === "observe" ? "known" : undefined;
  }
  return finding === "stale" ? "unknown" : ourAnswers.find((answer) => answer === finding);
}

/**
 * The end of the marks. What a check puts in the recipient's place must be such that the client could have named it;
 * checks of stage last hear of those alone that got so far.
 */
function passed(at: Case, status: string | undefined, outcome?: Outcome): Judged | Promise<Judged> {
  for (const mailbox of at.session.rcpt?.expansion ?? []) {
    const fault = relayFault(at.service, at.session, mailbox);
    if (fault !== undefined) {
      return denied(at, fault);
    }
  }
  const said = { mailbox: mailboxOf(at), status: status ?? "accepted", check: serverName };
  const judged: Judged = { kind: "passed", ...said, ours: outcome && ourAnswer(outcome), finding: outcome?.finding };
  const last = at.service.pipeline.run("rcpt", at.session, "last");
  return last instanceof Promise ? last.then((outcome) => ending(at, outcome) ?? judged) : (ending(at, last) ?? judged);
}

/**
 * A check refused. Only what it found unknown counts for the harvest defence: a 450 for an old list is not a sign of it.
 */
function refused(at: Case, outcome: Outcome): Judged {
  const { verdict, step, finding } = outcome;
  if (verdict.kind !== "refuse") {
    return { kind: "answered", response: { ...dropped, by: decisionOf(outcome) } };
  }
  const by = { check: step?.label ?? serverName, reason: verdict.reason, told: true, counted: true };
  return answered(at, wordsOf(outcome) ?? "refused", refusalOf(verdict, verdict.reply, by), finding);
}

/** The server itself refuses, and says so to whoever listens. */
function denied(at: Case, reason: string): Judged | Promise<Judged> {
  const by = { check: serverName, reason, told: true };
  const judged = answered(at, `refused (${reason})`, say(answers.relayingDenied, by));
  const denial: Denial = { check: serverName, reason, hook: "rcpt" };
  const wait = at.service.pipeline.denied(at.session, denial);
  return wait === undefined ? judged : wait.then(() => judged);
}

/** @param status the words of the log line */
function answered(at: Case, status: string, response: Response, finding?: string): Judged {
  const check = response.by?.check ?? serverName;
  logRecipient(at.service, at.session, { mailbox: mailboxOf(at), check, status }, response.reply);
  return { kind: "answered", response, finding };
}
