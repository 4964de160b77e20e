/**
 * From a response to its event: exactly one for each refusal, for each message that has a reply, and for each client that
 * is dropped. Nothing is made of an event that nobody wants.
 */
import type { Transaction } from "../../hooks/transaction.ts";
import type { Offered } from "../../mail/courier.ts";
import { normalIp } from "../../mail/network.ts";
import { queueIdOf } from "../../mail/queue-id.ts";
import { replyText } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";
import type { Decision, EventStage, MailEvent, MessageFacts } from "../../report/event.ts";
import type { Response } from "../answers.ts";
import { serverName } from "../decision.ts";
import { countRefusal, reasoned } from "../refusals.ts";
import type { Service } from "../service.ts";
import { parseMail } from "../session/command.ts";
import type { Conversation } from "../session/conversation.ts";

/** A connection, as far as an event tells of it. */
export interface Told {
  readonly id: string;
  readonly remoteAddress: string;
  /** Undefined until the client was let in. */
  readonly conversation: Conversation | undefined;
}

/** The command that a response is to. */
export interface Command {
  readonly argument: string;
  /** When it came. */
  readonly transaction: Transaction | undefined;
}

/** What the response is to. */
interface Asked extends Command {
  readonly stage: EventStage;
}

const none: Command = { argument: "", transaction: undefined };

/** What a reply of ours has in place of the reference that a sender may quote. */
const place = "{ref}";
/** Of an argument that could not be read. */
const mostAsked = 200;

/** The reply that was looked through last and asks for none: most refusals have the same one. */
let plain: Reply | undefined;

/** A reply with the reference in its text, where that asks for one. The hop's own words are left alone. */
export function withReference(reply: Reply, ref: string): Reply {
  if (reply === plain || reply.hop !== undefined) {
    return reply;
  }
  if (!reply.wire.includes(place)) {
    plain = reply;
    return reply;
  }
  // A second one may be a stranger's own word, and would make the line longer.
  return { ...reply, wire: reply.wire.replace(place, ref) };
}

function withRef(response: Response, { id, conversation }: Told): Response {
  const { reply, message } = response;
  const said = reply && withReference(reply, message?.ref ?? conversation?.session.ref ?? id);
  return said === reply ? response : { ...response, reply: said };
}

/** What the client is told of a refusal, or of a message: with its reference, and handed on as an event if somebody wants that. */
export function recorded(
  service: Service,
  client: Told,
  given: Response,
  stage: EventStage,
  command: Command | undefined,
): Reply | undefined {
  const response = withReason(withRef(given, client));
  countRefusal(service.counters, response.reply, response.by);
  tell(service, client, response, stage, command);
  return response.reply;
}

function withReason(response: Response): Response {
  const { reply, by } = response;
  const known = (reply?.code ?? 500) < 400 ? by : reasoned(reply, by);
  return known === by ? response : { ...response, by: known };
}

function tell(
  service: Service,
  client: Told,
  response: Response,
  stage: EventStage,
  { argument, transaction }: Command = none,
): void {
  const { record } = client.conversation?.service ?? service;
  const told = response.by?.told === true;
  if (record?.wants(told) === true) {
    record.note(eventOf(service, client, response, { stage, argument, transaction }), told);
  }
}

/** The event of a client that has no session: refused, or dropped, when it connected. */
export function tellOfStranger(
  { record, listener, now, counters }: Pick<Service, "record" | "listener" | "now" | "counters">,
  { id, ip, host = "" }: { readonly id: string; readonly ip: string; readonly host?: string | undefined },
  response: Response,
): void {
  countRefusal(counters, response.reply, response.by);
  const told = response.by?.told === true;
  if (record?.wants(told) === true) {
    const facts = { session: id, ref: id, listener, ip, host };
    record.note({ at: now(), ...nobody, ...facts, ...answerFacts(response.reply, response.by) }, told);
  }
}

/** What is said of a client of which no more is known. */
const nobody = {
  stage: "connection",
  helo: "",
  tls: undefined,
  user: undefined,
  sender: undefined,
  recipients: [],
  asked: undefined,
  messageId: undefined,
  bytes: undefined,
  receiveMs: undefined,
  ms: undefined,
} as const;

function eventOf(service: Service, client: Told, response: Response, asked: Asked): MailEvent {
  const { reply, by, message } = response;
  const session = client.conversation?.session;
  const facts = {
    at: service.now(),
    ...nobody,
    stage: asked.stage,
    session: client.id,
    ref: message?.ref ?? (session?.transaction ?? asked.transaction)?.ref ?? client.id,
    listener: service.listener,
    ip: normalIp(client.remoteAddress),
    host: "",
    ...answerFacts(reply, by),
  };
  if (client.conversation === undefined || session === undefined) {
    return facts;
  }
  return {
    ...facts,
    ip: session.client.ip,
    host: session.client.host,
    helo: session.helo === "" ? (session.variables.get("SMTPHELOHOST") ?? "") : session.helo,
    tls: session.variables.get("TLSVERSION"),
    user: by?.user ?? session.variables.get("SMTPAUTHUSER"),
    ms: session.commandAt === 0 ? undefined : session.elapsed(),
    ...envelopeOf(client.conversation, message, asked),
  };
}

type AnswerFacts = Pick<MailEvent, "kind" | "code" | "reply" | "by" | "reason" | "hop" | "said" | "queue">;

function answerFacts(reply: Reply | undefined, by: Decision | undefined): AnswerFacts {
  const { code, hop } = reply ?? {};
  return {
    kind: code === undefined ? "dropped" : code < 300 ? "delivered" : "refused",
    code,
    reply: reply === undefined ? undefined : replyText(reply),
    by: hop === undefined ? (by?.check ?? serverName) : "hop",
    reason: hop === undefined ? by?.reason : undefined,
    hop: hop?.at,
    said: hop?.said,
    queue: hop === undefined || (code ?? 500) >= 300 ? undefined : queueIdOf(hop.said),
  };
}

type Envelope = Partial<MailEvent> & Pick<MailEvent, "recipients" | "sender">;

function envelopeOf(conversation: Conversation, message: MessageFacts | undefined, asked: Asked): Envelope {
  if (message !== undefined) {
    const { ref: _, ...facts } = message;
    return facts;
  }
  const { session } = conversation;
  const transaction = session.transaction ?? asked.transaction;
  const sender = transaction === undefined ? undefined : (transaction.sender?.raw ?? "");
  const unread = asked.argument.slice(0, mostAsked);
  switch (asked.stage) {
    case "helo":
      return { sender: undefined, recipients: [], helo: unread };
    case "mail":
      return ofMail(asked.argument, unread);
    case "rcpt": {
      const recipient = session.recipient?.raw;
      return recipient === undefined ? { sender, recipients: [], asked: unread } : { sender, recipients: [recipient] };
    }
    case "data":
    case "message":
      return { sender, recipients: transaction?.accepted.map(({ mailbox }) => mailbox.raw) ?? [] };
    case "connection":
    case "auth":
    case "command":
    case "session":
    case "lookup":
      return { sender: undefined, recipients: [] };
  }
}

const allOffered: Offered = { dsn: true, smtputf8: true };

/** A MAIL that is refused begins no transaction: its sender is what it said. */
function ofMail(argument: string, unread: string): Envelope {
  const command = parseMail(argument, true, { lenient: true, utf8: true, offered: allOffered });
  return "wire" in command
    ? { sender: undefined, recipients: [], asked: unread }
    : { sender: command.sender?.raw ?? "", recipients: [] };
}
