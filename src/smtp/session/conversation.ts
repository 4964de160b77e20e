/** The verbs of one session: each takes its argument and comes to a response. No sockets here. RFC 5321 3 and 4.1. */
import type { Conclusion } from "../../hooks/check.ts";
import type { Outcome } from "../../hooks/outcome.ts";
import type { Session } from "../../hooks/session.ts";
import type { Mailbox } from "../../mail/address.ts";
import { nothingOffered } from "../../mail/courier.ts";
import type { Delivery } from "../../mail/courier.ts";
import { reply } from "../../mail/reply.ts";
import type { LimitName } from "../../report/counters.ts";
import { answers, say } from "../answers.ts";
import type { Response } from "../answers.ts";
import { limitDecision } from "../decision.ts";
import { isLenient, parametersOf, parseHelo, parseMail, parseRcpt, plainRecipient, toleranceOf } from "./command.ts";
import type { MailCommand, NamedRecipient } from "./command.ts";
import type { MessageIntake } from "../message/message-intake.ts";
import { openMessage } from "../message/open-message.ts";
import type { DataAnswer } from "../message/open-message.ts";
import { noteEarlyTalk } from "./early-talk.ts";
import { limitedBy } from "./limited-conversation.ts";
import type { LimitedConversation } from "./limited-conversation.ts";
import { askAtMail, messageSizeOf, refuseMail } from "./mail-refusal.ts";
import { originOf } from "./origin.ts";
import { greetingOf, helloOf } from "./greeting.ts";
import { concludeTransaction } from "./conclude-transaction.ts";
import { offeredTo } from "./offered.ts";
import { protocolWord } from "./offers.ts";
import { after, responseOf } from "./outcome.ts";
import type { Answering } from "./outcome.ts";
import { judgeRecipient } from "./recipient.ts";
import type { Judged } from "./recipient.ts";
import { afterRefusal, askNextHop, noteDelivered, refuseSurplus, toldNextHop } from "./recipient-conclusion.ts";
import type { Service } from "../service.ts";
import { queuedResponse } from "./waiting-reply.ts";

export class Conversation {
  readonly session: Session;
  readonly service: Service;
  secure = false;
  authenticated = false;
  #extended = false;
  /** What EHLO offered of what the next hops offer. */
  offered = nothingOffered;
  #mail: MailCommand | undefined;
  #delivery: Delivery | undefined;
  #intake: MessageIntake | undefined;
  /** The session was refused in place of the greeting, without being closed: everything but QUIT is 503. */
  refused = false;
  /** What the client may still say where the connection hook refused it so. */
  limited: LimitedConversation | undefined;
  /** Largest message; DATABYTES of the client rule goes before the setting. 0 is not a limit. */
  readonly messageSize: number;
  /** DATA was refused: the transaction continues, and another MAIL may take its place. */
  #dataRefused = false;
  /** Unknown recipients so far. */
  #unknown = 0;
  /** What was known of the client when it was greeted; only STARTTLS goes back to it. */
  #greeted: ReturnType<Session["known"]> | undefined;

  constructor(service: Service, session: Session) {
    this.service = service;
    this.session = session;
    this.messageSize = messageSizeOf(service, session);
  }

  /** The greeting, or the refusal that is in its place. @param hasTalked whether the client did not wait for it */
  greet(hasTalked: () => boolean): Answering {
    return after(this.service.pipeline.run("connection", this.session, "policy"), (outcome) => {
      this.limited = limitedBy(outcome, this.service.hostname);
      const early = hasTalked() ? noteEarlyTalk(this.service, this.session) : undefined;
      const refusal = early ?? (this.limited === undefined ? responseOf(outcome) : undefined);
      this.refused = refusal !== undefined;
      this.#greeted = this.service.starttls ? this.session.known() : undefined;
      // RFC 5321 3.1: after 554 the server waits for QUIT.
      return refusal ?? greetingOf(this.service);
    });
  }

  /** HELO and EHLO. */
  helo(argument: string, extended: boolean): Answering {
    const name = parseHelo(argument, isLenient(this.service, this.session));
    if (name === undefined) {
      return answers.badHelo;
    }
    this.session.variables.set("SMTPHELOHOST", name);
    this.session.forgetGreeting();
    return after(this.service.pipeline.run("helo", this.session, "policy"), (outcome) => {
      const refusal = responseOf(outcome);
      if (refusal !== undefined) {
        return refusal;
      }
      this.session.helo = name;
      this.#extended = extended;
      this.offered = extended ? offeredTo(this.service, this.session) : nothingOffered;
      this.#endTransaction(false);
      return extended ? helloOf(this, this.messageSize) : say(reply(250, "", this.service.hostname));
    });
  }

  get offersAuth(): boolean {
    return this.service.authenticator !== undefined && this.secure;
  }

  /** A new TLS layer: what was said before it, and what checks made of that, does not count. RFC 3207 4.2. */
  secured(): void {
    this.secure = true;
    this.authenticated = false;
    this.session.helo = "";
    this.#extended = false;
    this.offered = nothingOffered;
    if (this.#greeted !== undefined) {
      this.session.restore(this.#greeted);
    }
    this.#endTransaction(true);
  }

  mail(argument: string): Answering {
    if (this.session.helo === "") {
      return answers.heloFirst;
    }
    if (this.session.transaction !== undefined && !this.#dataRefused) {
      return answers.nested;
    }
    const command = parseMail(argument, this.offersAuth, toleranceOf(this));
    if ("wire" in command) {
      return say(command);
    }
    const early = refuseMail(this, command, this.messageSize);
    if (early !== undefined) {
      return early;
    }
    // A client that pipelined its next message behind a refused DATA means that one.
    this.#endTransaction(false);
    this.session.begin(command.sender, command.parameters);
    return after(askAtMail(this.service, this.session), (refusal) => {
      this.#mail = refusal === undefined ? { ...command, sender: this.session.transaction?.sender } : undefined;
      return refusal ?? answers.senderOk;
    });
  }

  rcpt(argument: string): Answering {
    const { transaction } = this.session;
    if (transaction === undefined || this.#mail === undefined) {
      return this.session.helo === "" ? answers.heloFirst : answers.mailFirst;
    }
    const mailbox = plainRecipient(argument) ?? parseRcpt(argument, toleranceOf(this, this.#mail.utf8));
    if ("wire" in mailbox) {
      this.session.recipient = undefined;
      return say(mailbox);
    }
    transaction.recipientParameters = parametersOf(mailbox);
    if (transaction.accepted.length >= this.service.limits.recipients) {
      return refuseSurplus(this.service, this.session, mailbox);
    }
    const judged = judgeRecipient(this.service, this.session, transaction, mailbox);
    return judged instanceof Promise ? this.#handOnLater(judged, mailbox) : this.#handOn(judged, mailbox);
  }

  async #handOnLater(judged: Promise<Judged>, named: NamedRecipient): Promise<Response> {
    return this.#handOn(await judged, named);
  }

  /** Asks the next hop about a recipient that passed: its refusal is passed on. */
  #handOn(judged: Judged, named: NamedRecipient): Answering {
    const { transaction } = this.session;
    if (judged.kind === "answered") {
      this.#unknown += judged.finding === "unknown" ? 1 : 0;
      return afterRefusal(this.service, this.session, judged, this.#unknown);
    }
    const { rcpt } = this.session;
    if (transaction === undefined || rcpt === undefined || this.#mail === undefined) {
      return answers.mailFirst;
    }
    this.#delivery ??= this.service.courier.begin(this.#mail, originOf(this.session, this.#extended));
    return askNextHop(this.service, this.session, this.#delivery, { judged, rcpt, named });
  }

  /** DATA: checks, then the next hop's 354, then the relay's. */
  data(argument: string): DataAnswer | Promise<DataAnswer> {
    return argument === "" ? this.open(false) : answers.noArgument;
  }

  /** The message that the client is sending: the next byte, or the next chunk, is its. */
  get incoming(): MessageIntake | undefined {
    return this.#intake?.finishing === false ? this.#intake : undefined;
  }

  /** Begins a message. @param chunked it comes by BDAT */
  open(chunked: boolean): DataAnswer | Promise<DataAnswer> {
    const { transaction } = this.session;
    if (transaction === undefined) {
      return this.session.helo === "" ? answers.heloFirst : answers.mailFirst;
    }
    // A note-taker may refuse here even where every recipient was refused: the sender should learn why.
    return after(this.service.pipeline.run("data", this.session, "note"), (noted) => {
      const refusal = responseOf(noted);
      if (refusal !== undefined) {
        this.#endTransaction(false);
        return refusal;
      }
      if (transaction.accepted.length === 0) {
        return transaction.asked === 0 ? answers.rcptFirst : answers.noRecipients;
      }
      // Until the next hop's 354 the transaction stands, whatever refuses here; qmail lets MAIL take its place.
      this.#dataRefused = true;
      const late = queuedResponse(this.session.late.data);
      return late ?? this.#policyAtData(toldNextHop(transaction.accepted), chunked);
    });
  }

  #policyAtData(recipients: readonly Mailbox[], chunked: boolean): DataAnswer | Promise<DataAnswer> {
    const outcome = this.service.pipeline.run("data", this.session, "policy");
    const open = (settled: Outcome): DataAnswer | Promise<DataAnswer> =>
      responseOf(settled) ?? this.#openMessage(recipients, chunked);
    return after(outcome, open);
  }

  async #openMessage(recipients: readonly Mailbox[], chunked: boolean): Promise<DataAnswer> {
    const delivery = this.#delivery;
    if (delivery === undefined) {
      return answers.noRecipients;
    }
    const protocol = protocolWord(this.#extended, this.secure, this.authenticated, this.#mail?.utf8);
    const options = { protocol, recipients, chunked, limit: this.messageSize };
    const answer = await openMessage(this.service, this.session, delivery, options);
    this.#intake = "intake" in answer ? answer.intake : undefined;
    if (this.#delivery !== delivery) {
      // The client went away meanwhile.
      this.#intake?.abandon();
    }
    return answer;
  }

  messageDone(isDelivered: boolean): void {
    noteDelivered(this.service, this.session, isDelivered);
    this.#intake = undefined;
    this.#delivery = undefined;
    this.#endTransaction(true, isDelivered ? "delivered" : "not delivered");
  }

  /** Whether the next hop was asked for a recipient of this transaction. */
  get underWay(): boolean {
    return this.#delivery !== undefined;
  }

  /** RSET; or the client is gone, or is about to be. */
  end(): void {
    this.#endTransaction(true);
  }

  #endTransaction(
    forgetQueued: boolean,
    conclusion: Conclusion = this.#intake?.finishing === true ? "unknown" : "not delivered",
  ): void {
    concludeTransaction(this.service, this.session, conclusion);
    this.#intake?.abandon();
    this.#intake = undefined;
    this.#delivery?.abandon();
    this.#delivery = undefined;
    this.#mail = undefined;
    this.#dataRefused = false;
    this.session.reset(forgetQueued);
  }

  /** Counts and logs that a limit was reached; the response to it. */
  limit(limit: LimitName, response: Response): Response {
    this.service.counters.add("limits", { limit });
    this.service.log.warning("smtp", "limit", { session: this.session.id, ip: this.session.client.ip, limit });
    return { ...response, by: limitDecision(limit) };
  }
}
