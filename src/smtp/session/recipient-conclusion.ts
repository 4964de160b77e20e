/** What the next hop's reply makes of a recipient that passed every check. */
import type { Recipient } from "../../hooks/check-session.ts";
import type { Session } from "../../hooks/session.ts";
import type { Transaction } from "../../hooks/transaction.ts";
import { normalKey } from "../../mail/address.ts";
import type { Mailbox } from "../../mail/address.ts";
import type { Delivery } from "../../mail/courier.ts";
import type { Reply } from "../../mail/reply.ts";
import { answers, say } from "../answers.ts";
import type { Response } from "../answers.ts";
import type { Sentence } from "../harvest/harvest.ts";
import type { Service } from "../service.ts";
import { serverName } from "../decision.ts";
import type { NamedRecipient } from "./command.ts";
import { dsnOfChanged } from "./dsn-parameters.ts";
import { after, afterSentence } from "./outcome.ts";
import type { Answering } from "./outcome.ts";
import { logRecipient } from "./recipient-log.ts";
import type { Judged } from "./recipient.ts";

const said = say(answers.recipientOk);

type Passed = Extract<Judged, { kind: "passed" }>;

/** A recipient that passed. */
interface Asked {
  readonly judged: Passed;
  readonly rcpt: Recipient;
  /** As the client named it. */
  readonly named: NamedRecipient;
}

/** Asks the next hop about a recipient that passed, and answers as it does. */
export async function askNextHop(
  service: Service,
  session: Session,
  delivery: Delivery,
  { judged, rcpt, named }: Asked,
): Promise<Response> {
  const { transaction } = session;
  const answer = await (rcpt.expansion === undefined
    ? delivery.recipient(judged.mailbox, false, dsnFor(named, judged.mailbox))
    : askAboutAll(delivery, untold(rcpt.expansion, transaction), named, () => takeBack(transaction)));
  // A client that went away meanwhile has taken its question back.
  const accepted = session.transaction === transaction && concludeRecipient(service, session, judged, answer);
  if (accepted) {
    transaction?.accepted.push(rcpt);
  }
  return accepted ? said : say(answer, { check: serverName, told: true });
}

/** The parameters of a recipient for its next hop, where it may have another address. */
function dsnFor(named: NamedRecipient, { raw }: Mailbox): string {
  return raw === named.raw ? (named.dsn ?? "") : dsnOfChanged(named, named.dsn ?? "");
}

/**
 * What of an expansion the hop does not have yet: not every server delivers to a recipient once that is named twice.
 */
function untold(expansion: readonly Mailbox[], transaction: Transaction | undefined): readonly Mailbox[] {
  const told = new Set(toldNextHop(transaction?.accepted ?? []).map(({ raw }) => raw));
  return expansion.filter(({ raw }) => !told.has(raw));
}

/** What the hop has accepted of a recipient that it does not accept as a whole must not get the message. */
function takeBack(transaction: Transaction | undefined): void {
  if (transaction !== undefined) {
    transaction.replan = true;
  }
}

/**
 * Asks about a recipient that is several addresses at the next hop: its 250 if it accepts all, else its worst answer.
 * @param takeBack is called if it has accepted some
 */
async function askAboutAll(
  delivery: Delivery,
  mailboxes: readonly Mailbox[],
  named: NamedRecipient,
  takeBack: () => void,
): Promise<Reply> {
  const replies: Reply[] = [];
  for (const mailbox of mailboxes) {
    const reply = await delivery.recipient(mailbox, replies.length > 0, dsnFor(named, mailbox));
    // 452 of the relay's own: it goes another way than the transaction.
    const isElsewhere = reply.said === 0 && reply.code === answers.otherRoute.code;
    replies.push(isElsewhere && replies.length > 0 ? answers.dividedRoute : reply);
    if (isElsewhere || reply.code >= 500) {
      break;
    }
  }
  const worst = replies.reduce((so, reply) => (reply.code > so.code ? reply : so), answers.recipientOk);
  if (worst.code >= 300 && replies.some(({ code }) => code < 300)) {
    takeBack();
  }
  return worst;
}

/**
 * Logs what the next hop said to a recipient that passed, and notes both for observe mode. @returns whether it is
 * accepted
 */
function concludeRecipient(
  service: Service,
  session: Session,
  { mailbox, check, status, ours }: Passed,
  answer: Reply,
): boolean {
  const accepted = answer.code >= 200 && answer.code < 300;
  const said = answer.said ?? answer.code;
  const theirs = said === 0 ? `${answer.code} of our own` : `next hop said ${said}`;
  // Where the relay's own verdict was another, the log has both beside each other.
  const words = accepted && (ours === undefined || ours === "known") ? status : `${status}, ${theirs}`;
  logRecipient(service, session, { mailbox, check, status: words }, answer);
  if (ours !== undefined && said !== 0) {
    const { user, domain } = mailbox;
    service.observer?.note(normalKey(user, service.domains.canonical(domain) ?? domain), ours, said);
  }
  return accepted;
}

/**
 * Notes a recipient that the list does not know: the directory may know it by now.
 * @param finding what the check said that decided
 */
export function noteUnknown(
  { observer, traffic, domains }: Pick<Service, "observer" | "domains" | "traffic">,
  { recipient }: Session,
  finding: string | undefined,
): void {
  if (recipient !== undefined && (finding === "unknown" || finding === "stale" || finding === "vanished")) {
    traffic?.refused(recipient);
  }
  if ((finding === "unknown" || finding === "stale") && recipient !== undefined) {
    const { user, domain } = recipient;
    observer?.unknown?.(normalKey(user, domains.canonical(domain) ?? domain));
  }
}

/**
 * The response to a recipient that a check has answered: the harvest defence may delay it, or put another in its place.
 * @param nth unknown recipient of the session, if it is one
 */
export function afterRefusal(
  service: Service,
  session: Session,
  { response, finding }: Extract<Judged, { kind: "answered" }>,
  nth: number,
): Answering {
  noteUnknown(service, session, finding);
  if (finding !== "unknown") {
    return response;
  }
  const sentence = service.harvest.judge(session, nth);
  return sentence instanceof Promise
    ? sentenceLater(sentence, response, session)
    : afterSentence(sentence, response, session);
}

async function sentenceLater(sentence: Promise<Sentence>, usual: Response, session: Session): Promise<Response> {
  return afterSentence(await sentence, usual, session);
}

/** Refuses a recipient beyond `[smtp] max_recipients`. A note-taker sees this one, too. */
export function refuseSurplus({ pipeline }: Service, session: Session, mailbox: Mailbox): Answering {
  session.recipient = mailbox;
  return after(pipeline.run("rcpt", session, "note"), () => answers.tooManyRecipients);
}

/** Notes who got a message, for the guard of syncs. */
export function noteDelivered({ traffic }: Service, { transaction }: Session, isDelivered: boolean): void {
  if (isDelivered && traffic !== undefined) {
    transaction?.accepted.forEach(({ mailbox }) => traffic.accepted(mailbox));
  }
}

/** Which accepted recipients the next hop gets. */
export function toldNextHop(accepted: readonly Recipient[]): Mailbox[] {
  const told = accepted.flatMap(({ mailbox, expansion }) => expansion ?? [mailbox]);
  return told.length < 2 ? told : [...new Map(told.map((mailbox) => [mailbox.raw, mailbox])).values()];
}
