/**
 * The verdict on one address for another mail server: the marks that a RCPT goes through in the relay, with its log
 * line, its counts and the harvest defence. What the protocols make of it is theirs; none of them decides anything.
 */
import { Session } from "../hooks/session.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Log } from "../report/log.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import type { verdictKinds } from "../report/counters.ts";
import { answers } from "../smtp/answers.ts";
import type { Harvest } from "../smtp/harvest/harvest.ts";
import type { Decision } from "../report/event.ts";
import { environment } from "../smtp/listener/environment.ts";
import { withReference } from "../smtp/listener/session-events.ts";
import { sessionId } from "../smtp/listener/session-id.ts";
import { isOurs } from "../smtp/relayable.ts";
import type { Service } from "../smtp/service.ts";
import { after } from "../smtp/session/outcome.ts";
import { noteUnknown } from "../smtp/session/recipient-conclusion.ts";
import { decisionOf, limitDecision, serverName } from "../smtp/decision.ts";
import { logRecipient } from "../smtp/session/recipient-log.ts";
import { judgeRecipient } from "../smtp/session/recipient.ts";
import type { Judged, RecipientService } from "../smtp/session/recipient.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";

/** What is asked. */
export interface Question {
  readonly recipient: Mailbox;
  /** Undefined: the asker does not tell who sends. */
  readonly sender?: Sender | undefined;
  /** Undefined: the asker does not tell who its client is. */
  readonly client?: Client | undefined;
  /** Unknown recipients of the same transaction before this one, as far as the asker tells. */
  readonly unknownBefore?: number;
}

/** Who sends; a mailbox of undefined is the null sender. */
export interface Sender {
  readonly mailbox: Mailbox | undefined;
}

/** The client of the mail server that asks. */
export interface Client {
  readonly ip: string;
  /** Host name by DNS; "" if it is not known. */
  readonly host: string;
  readonly helo: string;
  /** Who has logged in there; "" for nobody. */
  readonly login: string;
}

/**
 * `known`: accepted. `no-snapshot`: accepted, because nobody can tell. `unknown`: there is no such recipient.
 * `restricted`: there is, but not for this sender. `refused`: another check refuses it. `later`: no answer for now.
 * `blocked`: the client has asked for too many unknown ones, or is denied by a rule. `foreign`: not in a relay domain.
 */
export type VerdictKind = (typeof verdictKinds)[number];

/** The answer to one question. */
export interface LookupVerdict {
  readonly kind: VerdictKind;
  /** What the relay would reply. */
  readonly reply: Reply;
  /** The words of the log line. */
  readonly reason: string;
  /** Of one that refuses, for its event. */
  readonly refusal?: LookupRefusal | undefined;
}

/** Who refused a recipient. */
export interface LookupRefusal {
  readonly by: Decision;
  /** "" if the question came to no session, which each has of its own. */
  readonly session: string;
  /** What `{ref}` is in the reply. */
  readonly ref: string;
  /** From the question to the answer, ms. */
  readonly ms: number | undefined;
}

/** What lookups share with the relay; replaced as a whole at SIGHUP. */
export interface LookupService
  extends
    RecipientService,
    Pick<Service, "rules" | "relayLists" | "hostname" | "idn" | "now" | "observer" | "traffic" | "record"> {
  /** Whether an address may be in UTF-8: as the relay would say to a client with SMTPUTF8, or the list if there is no route. */
  readonly readsUtf8: () => boolean;
  readonly name: string;
  readonly harvest: Harvest;
  /** Session variables that a login brings. */
  readonly loginVariables: ReadonlyMap<string, string>;
  readonly snapshot: SnapshotReader;
  /** Where the relay writes who gets mail, for a sync; undefined: nowhere. */
  readonly trafficFile?: string | undefined;
  /** Where workers write whom clients asked for in vain, for a sync, each beside it; undefined: nowhere. */
  readonly askedFile?: string | undefined;
  /** Logs the verdict on a question that tells neither client nor sender. */
  readonly untold: Log;
}

const nobody: Client = { ip: "", host: "", helo: "", login: "" };
/** In place of a sender that is not told: any that the null sender's checks do not look at. RFC 2606. */
const anybody: Mailbox = { raw: "anybody@sender.invalid", user: "anybody", domain: "sender.invalid" };
const relayingDenied: LookupVerdict = { kind: "foreign", reply: answers.relayingDenied, reason: "not a relay domain" };
const denied: LookupVerdict = {
  kind: "blocked",
  reply: reply(421, "4.7.1", "Service not available to this client"),
  reason: "denied by client rule",
  refusal: { by: limitDecision("client rule"), session: "", ref: "", ms: undefined },
};
const dropped = reply(421, "4.7.0", "Connection closed");
const blocked: Reply = answers.tooManyUnknown.reply ?? dropped;

type Answering = LookupVerdict | Promise<LookupVerdict>;

/** Asks about one address. Synchronous as long as every check is. */
export function judge(service: LookupService, question: Question): Answering {
  const { recipient, client } = question;
  const variables = client === undefined ? new Map<string, string>() : variablesOf(service, client);
  if (variables === undefined) {
    return denied;
  }
  if (!isOurs(service, recipient)) {
    return relayingDenied;
  }
  if (question.sender !== undefined) {
    return askAs(service, question, question.sender.mailbox, variables);
  }
  const untold = client === undefined ? { ...service, log: service.untold } : service;
  const ask = (sender: Mailbox | undefined): Answering => askAs(untold, question, sender, variables);
  // Whoever does not tell the sender wants to know whether anybody at all may write: a check that looks at senders
  // must not make an unknown recipient of one that is known.
  return after(ask(undefined), (first) => (first.kind === "refused" ? ask(anybody) : first));
}

/** Undefined: a rule denies the client. */
function variablesOf(service: LookupService, client: Client): Map<string, string> | undefined {
  const { ip, host, login } = client;
  const verdict = service.rules.find(host === "" ? { ip } : { ip, host });
  if (verdict.kind === "deny") {
    service.log.info("lookup", "denied by client rule", { lookup: service.name, ip, line: verdict.rule.line });
    return undefined;
  }
  const local = { ip: "", port: 0, host: service.hostname };
  const known = service.relayLists.apply(ip, environment(local, { ip, host, port: 0 }, verdict.variables));
  const variables = new Map(known);
  if (login !== "") {
    service.loginVariables.forEach((value, name) => variables.set(name, value));
    variables.set("SMTPAUTHUSER", login);
  }
  return variables;
}

function askAs(
  service: LookupService,
  question: Question,
  sender: Mailbox | undefined,
  variables: ReadonlyMap<string, string>,
): Answering {
  const { ip, host, helo } = question.client ?? nobody;
  const local = { ip: "", port: 0, host: service.hostname };
  const own = new Map(variables);
  const session = new Session(sessionId(), { ip, host, port: 0 }, local, service.name, own, () => undefined);
  session.helo = helo;
  session.noteCommand();
  const transaction = session.begin(sender);
  if (ip !== "" && service.harvest.refuses(ip, session.variables)) {
    const refusal = refusalOf(session, limitDecision("harvest block"));
    return { kind: "blocked", reply: blocked, reason: "harvest block", refusal };
  }
  return after(service.pipeline.run("mail", session, "sender"), (atMail) =>
    atMail.verdict.kind === "refuse"
      ? {
          kind: "refused",
          reply: withReference(atMail.verdict.reply, session.ref),
          reason: `${atMail.step?.label ?? serverName} at MAIL`,
          refusal: refusalOf(session, decisionOf(atMail)),
        }
      : after(judgeRecipient(service, session, transaction, question.recipient), (judged) =>
          conclude(service, session, judged, question),
        ),
  );
}

/** Logs what passed, as the relay does after its next hop; counts and notes what is unknown. */
function conclude(service: LookupService, session: Session, judged: Judged, question: Question): Answering {
  noteUnknown(service, session, judged.kind === "passed" ? judged.ours : judged.finding);
  if (judged.kind === "passed") {
    const { mailbox, check, status } = judged;
    logRecipient(service, session, { mailbox, check, status }, answers.recipientOk);
    const kind = judged.finding === "unavailable" ? "no-snapshot" : "known";
    return { kind, reply: answers.recipientOk, reason: status };
  }
  const { reply: own = dropped, by = { check: serverName } } = judged.response;
  const verdict: LookupVerdict = {
    kind: kindOf(judged, own),
    reply: withReference(own, session.ref),
    reason: judged.finding ?? "refused",
    refusal: refusalOf(session, by),
  };
  if (judged.finding !== "unknown" || session.client.ip === "") {
    return verdict;
  }
  return after(service.harvest.judge(session, (question.unknownBefore ?? 0) + 1), (sentence) =>
    sentence.kind === "disconnect" ? { ...verdict, kind: "blocked", reply: blocked, reason: "harvest" } : verdict,
  );
}

function refusalOf(session: Session, by: Decision): LookupRefusal {
  return { by, session: session.id, ref: session.ref, ms: session.elapsed() };
}

function kindOf({ finding }: Extract<Judged, { kind: "answered" }>, said: Reply): VerdictKind {
  if (said.code < 500) {
    return "later";
  }
  if (finding === "unknown" || said === answers.relayingDenied) {
    return "unknown";
  }
  return finding === "sender" || finding === "internal" ? "restricted" : "refused";
}
