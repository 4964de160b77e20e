/**
 * The verbs of one session: each takes its argument and comes to a response. No sockets here; the connection
 * reads lines and writes responses. RFC 5321 3 and 4.1.
 */
import type { Outcome } from "../hooks/pipeline.ts";
import type { Known, Session } from "../hooks/session.ts";
import type { Mailbox } from "../mail/address.ts";
import type { Delivery } from "../mail/courier.ts";
import { reply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";
import { answers, dropped, say, sayAndClose } from "./answers.ts";
import type { Response } from "./answers.ts";
import { parseHelo, parseMail, parseRcpt } from "./command.ts";
import type { MailCommand } from "./command.ts";
import { MessageIntake } from "./message-intake.ts";
import { judgeRecipient, logVerdict, noteAnswer, plainAddress, queuedReply } from "./recipient.ts";
import type { Judged } from "./recipient.ts";
import type { Service } from "./service.ts";

type Answering = Response | Promise<Response>;

/** What a data command comes to: a response, or a message that may now be taken in. */
export type DataAnswer = Response | { readonly intake: MessageIntake };

/** Continues with an outcome, at once where it is already there. */
function after<In, Out>(value: In | Promise<In>, go: (value: In) => Out | Promise<Out>): Out | Promise<Out> {
  return value instanceof Promise ? value.then(go) : go(value);
}

/** The response that a verdict makes; undefined where the command goes on. */
function responseOf({ verdict }: Outcome): Response | undefined {
  switch (verdict.kind) {
    case "refuse":
      return verdict.close === true ? sayAndClose(verdict.reply) : say(verdict.reply);
    case "drop":
      return dropped;
    case "pass":
    case "next":
    case "ok":
    case "accept-session":
      return undefined;
  }
}

export class Conversation {
  readonly session: Session;
  readonly service: Service;
  /** Protocol for the Received field: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA. RFC 3848. */
  secure = false;
  authenticated = false;
  #extended = false;
  #mail: MailCommand | undefined;
  #delivery: Delivery | undefined;
  /** The connection hook refused the session without closing it: everything but QUIT is 503. */
  #refused = false;
  /** Unknown recipients so far. */
  #unknown = 0;
  /** What was known of the client when it was greeted. */
  #greeted: Known | undefined;

  constructor(service: Service, session: Session) {
    this.service = service;
    this.session = session;
  }

  /** The greeting, or the refusal that stands in its place. */
  greet(): Answering {
    return after(this.service.pipeline.run("connection", this.session, "policy"), (outcome) => {
      const refusal = responseOf(outcome);
      this.#refused = refusal !== undefined;
      this.#greeted = this.session.known();
      // RFC 5321 3.1: after 554 the server waits for QUIT.
      return refusal ?? say(reply(220, "", `${this.service.hostname} ESMTP goodmailto`));
    });
  }

  /** Whether every command but QUIT is out of place. */
  get refused(): boolean {
    return this.#refused;
  }

  /** HELO and EHLO. */
  helo(argument: string, extended: boolean): Answering {
    const name = parseHelo(argument);
    if (name === undefined) {
      return answers.badHelo;
    }
    this.session.variables.set("SMTPHELOHOST", name);
    return after(this.service.pipeline.run("helo", this.session, "policy"), (outcome) => {
      const refusal = responseOf(outcome);
      if (refusal !== undefined) {
        return refusal;
      }
      this.session.helo = name;
      this.#extended = extended;
      this.#endTransaction(false);
      return say(
        extended ? reply(250, "", this.service.hostname, ...this.#features()) : reply(250, "", this.service.hostname),
      );
    });
  }

  #features(): string[] {
    const { limits, starttls } = this.service;
    return [
      "PIPELINING",
      "8BITMIME",
      "ENHANCEDSTATUSCODES",
      ...(limits.messageSize > 0 ? [`SIZE ${limits.messageSize}`] : ["SIZE"]),
      ...(starttls && !this.secure ? ["STARTTLS"] : []),
      ...(this.offersAuth && !this.authenticated ? ["AUTH PLAIN LOGIN"] : []),
    ];
  }

  /** AUTH is there, and the line is encrypted. */
  get offersAuth(): boolean {
    return this.service.authenticator !== undefined && this.secure;
  }

  /** A new TLS layer: what was said before it, and what checks made of that, does not count. RFC 3207 4.2. */
  secured(): void {
    this.secure = true;
    this.session.helo = "";
    this.#extended = false;
    if (this.#greeted !== undefined) {
      this.session.restore(this.#greeted);
    }
    this.#endTransaction(true);
  }

  mail(argument: string): Answering {
    if (this.session.helo === "") {
      return answers.heloFirst;
    }
    if (this.session.transaction !== undefined) {
      return answers.nested;
    }
    const command = parseMail(argument, this.offersAuth);
    if ("wire" in command) {
      return say(command);
    }
    if (this.service.limits.messageSize > 0 && command.size > this.service.limits.messageSize) {
      return say(answers.tooLarge);
    }
    const late = queuedReply(this.session.late.mail);
    if (late !== undefined) {
      return say(late);
    }
    this.session.begin(command.sender);
    this.session.variables.set("SMTPMAILFROM", plainAddress(command.sender));
    this.session.changing = "mail";
    return after(this.service.pipeline.run("mail", this.session, "policy"), (outcome) => {
      this.session.changing = undefined;
      const refusal = responseOf(outcome);
      if (refusal !== undefined) {
        this.session.reset(false);
        return refusal;
      }
      this.#mail = { ...command, sender: this.session.transaction?.sender };
      // The final sender is looked at last, and not at all where a check said `ok`; it is told at RCPT.
      const bad = outcome.verdict.kind === "ok" ? outcome : this.service.pipeline.run("mail", this.session, "sender");
      return after(bad, () => answers.senderOk);
    });
  }

  rcpt(argument: string): Answering {
    const { transaction } = this.session;
    if (transaction === undefined || this.#mail === undefined) {
      return this.session.helo === "" ? answers.heloFirst : answers.mailFirst;
    }
    const mailbox = parseRcpt(argument);
    if ("wire" in mailbox) {
      return say(mailbox);
    }
    if (transaction.accepted.length >= this.service.limits.recipients) {
      return answers.tooManyRecipients;
    }
    return after(judgeRecipient(this.service, this.session, transaction, mailbox), (judged) => this.#handOn(judged));
  }

  /** Asks the next hop about a recipient that passed: its refusal is ours. */
  #handOn(judged: Judged): Answering {
    const { transaction } = this.session;
    if (judged.kind === "answered") {
      const { response, unknown } = judged;
      return unknown === true ? this.service.harvest.answer(this.session, ++this.#unknown, response) : response;
    }
    if (transaction === undefined || this.#mail === undefined) {
      return answers.mailFirst;
    }
    const { mailbox, check, line, ours } = judged;
    this.#delivery ??= this.service.courier.begin(this.#mail, { session: this.session.id, ip: this.session.client.ip });
    return this.#delivery.recipient(mailbox).then((answer) => {
      const accepted = answer.code >= 200 && answer.code < 300;
      const status = accepted ? line : `${line}, next hop said ${answer.code}`;
      logVerdict(this.service, this.session, mailbox, check, status, answer);
      noteAnswer(this.service, mailbox, ours, answer);
      if (accepted) {
        transaction.accepted.push(mailbox);
      }
      return say(accepted ? answers.recipientOk : answer);
    });
  }

  /** DATA: checks, then the next hop's 354, then ours. */
  data(argument: string, normalise: boolean): DataAnswer | Promise<DataAnswer> {
    const { transaction } = this.session;
    if (argument !== "") {
      return answers.noArgument;
    }
    if (transaction === undefined) {
      return this.session.helo === "" ? answers.heloFirst : answers.mailFirst;
    }
    // A note-taker may refuse here even where every recipient was refused: the sender shall learn why.
    return after(this.service.pipeline.run("data", this.session, "note"), (noted) => {
      const refusal = responseOf(noted);
      if (refusal !== undefined) {
        this.#endTransaction(false);
        return refusal;
      }
      const late = queuedReply(this.session.late.data);
      if (transaction.accepted.length === 0 || late !== undefined) {
        const none = transaction.asked === 0 ? answers.rcptFirst : answers.noRecipients;
        return late === undefined ? none : say(late);
      }
      return after(
        this.service.pipeline.run("data", this.session, "policy"),
        (outcome): DataAnswer | Promise<DataAnswer> => {
          return responseOf(outcome) ?? this.#openMessage(transaction.accepted, normalise);
        },
      );
    });
  }

  async #openMessage(recipients: readonly Mailbox[], normalise: boolean): Promise<DataAnswer> {
    const delivery = this.#delivery;
    if (delivery === undefined) {
      return answers.noRecipients;
    }
    const go = await delivery.data();
    if (go.code !== 354) {
      return say(go);
    }
    return { intake: new MessageIntake(this.service, this.session, delivery, this.#protocol(), recipients, normalise) };
  }

  /** RFC 3848. */
  #protocol(): string {
    return this.#extended ? `ESMTP${this.secure ? "S" : ""}${this.authenticated ? "A" : ""}` : "SMTP";
  }

  /** After the answer to a message: the next one starts afresh. */
  messageDone(): void {
    this.#delivery = undefined;
    this.#endTransaction(true);
  }

  rset(): Response {
    this.#endTransaction(true);
    return answers.flushed;
  }

  /** The client is gone, or is about to be. */
  end(): void {
    this.#endTransaction(true);
  }

  #endTransaction(forgetQueued: boolean): void {
    this.#delivery?.abandon();
    this.#delivery = undefined;
    this.#mail = undefined;
    this.session.reset(forgetQueued);
  }

  /** What a limit or a fault of ours says in the log. */
  note(event: string, fields: Readonly<Record<string, string | number>>): void {
    this.service.log.warning("smtp", event, { session: this.session.id, ip: this.session.client.ip, ...fields });
  }
}

/** A reply as a response, for callers that have only a reply. */
export function respond(answer: Reply): Response {
  return say(answer);
}
