/** A command line to its verb's answer, with the limits on what a session may ask. RFC 5321 4.1. */
import type { Transaction } from "../../hooks/transaction.ts";
import { answers } from "../answers.ts";
import type { Response } from "../answers.ts";
import { beginExchange } from "./auth-exchange.ts";
import type { Exchange } from "./auth-exchange.ts";
import { authenticate } from "./authenticate.ts";
import { splitLine } from "./command.ts";
import type { EventStage } from "../../report/event.ts";
import type { DataAnswer } from "../message/open-message.ts";
import { parseChunk } from "../message/chunk.ts";
import { answerChunk, isFree, isOutOfPlace } from "./bdat.ts";
import type { ChunkAnswer } from "./bdat.ts";
import type { Conversation } from "./conversation.ts";
import { after } from "./outcome.ts";
import { noteForwarded } from "./forwarded.ts";
import { mayPresent, parseXclient, xclientAnswers } from "./presented.ts";
import type { Presented } from "./presented.ts";
import { stageOf } from "./stages.ts";

/**
 * A web page that makes its reader's browser talk to port 25, a proxy that was asked to, or TLS: no SMTP follows,
 * or what follows is not the client's own.
 */
const notSmtp = /^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT) |^[\x00-\x08\x0e-\x1f\x80-\xff]| HTTP\/\d/i;

/** Nearly all lines name a recipient, and none of these asks for a web page. */
const isNotSmtp = (line: string): boolean => !line.startsWith("RCPT TO:<") && notSmtp.test(line);

/** What a line comes to: a response, a message to be taken in, or what the connection must do: TLS, another session. */
export type VerbAnswer =
  | Response
  | DataAnswer
  | ChunkAnswer
  | { readonly startTls: true }
  | { readonly presented: Presented };

/** Whether a line ended in LF alone, as the parser marks it. */
const isBare = (line: string): boolean => line.charCodeAt(line.length - 1) === 10;

/** The verbs of one session. */
export class Verbs {
  readonly #conversation: Conversation;
  #exchange: ((line: string) => Exchange) | undefined;
  #junk = 0;
  #commands = 0;
  #unrecognised = 0;
  #bare = 0;
  /** What the reply under way is to, for the record. */
  stage: EventStage = "command";
  /** What came behind its verb; "" within AUTH. */
  argument = "";
  /** As it was when the command came: a refusal may end it. */
  transaction: Transaction | undefined;

  /** The name that the client has given the proxy that speaks for it. */
  #presentedHelo: string;
  readonly #presented: Presented;

  /** @param presented what a proxy has said of the client */
  constructor(conversation: Conversation, presented: Presented = {}) {
    this.#conversation = conversation;
    this.#presentedHelo = presented.helo ?? "";
    this.#presented = presented;
  }

  /** Answers one line, synchronously if no check needs I/O. */
  answer(line: string): VerbAnswer | Promise<VerbAnswer> {
    this.transaction = this.#conversation.session.transaction;
    this.stage = this.#exchange === undefined ? "command" : "auth";
    this.argument = "";
    return isBare(line) ? this.#answerBare(line.slice(0, -1)) : this.#answerWhole(line);
  }

  /**
   * A client that ends each line in LF alone would send a message whose end is never seen. One such line may be a slip.
   */
  #answerBare(line: string): VerbAnswer | Promise<VerbAnswer> {
    if (this.#conversation.service.chunking && /^BDAT\b/i.test(line)) {
      return answers.bareChunk;
    }
    const isNews = ++this.#bare === 2;
    if (this.#bare < 2 || isNotSmtp(line) || /^QUIT$/i.test(line.trim())) {
      return this.#answerWhole(line);
    }
    this.#exchange = undefined;
    return isNews ? this.#conversation.limit("bare line feeds", answers.bareLine) : answers.bareLine;
  }

  #answerWhole(line: string): VerbAnswer | Promise<VerbAnswer> {
    if (this.#exchange !== undefined) {
      const step = this.#exchange;
      this.#exchange = undefined;
      return this.#authStep(step(line));
    }
    const conversation = this.#conversation;
    if (++this.#commands > conversation.service.limits.sessionCommands) {
      return conversation.limit("commands", answers.tooManyCommands);
    }
    if (isNotSmtp(line)) {
      return conversation.limit("not SMTP", answers.notSmtp);
    }
    const { verb, argument } = splitLine(line);
    this.stage = stageOf(verb);
    this.argument = verb === "AUTH" ? "" : argument;
    if (conversation.limited !== undefined) {
      return conversation.limited.answer(verb);
    }
    return this.#outOfPlace(verb) ?? this.#answerVerb(line, verb, argument);
  }

  #outOfPlace(verb: string): Response | undefined {
    if (this.#conversation.refused && verb !== "QUIT") {
      return answers.refusedSession;
    }
    if (isOutOfPlace(this.#conversation, verb)) {
      this.stage = "data";
      return answers.withinChunks;
    }
    return undefined;
  }

  #answerVerb(line: string, verb: string, argument: string): VerbAnswer | Promise<VerbAnswer> {
    const conversation = this.#conversation;
    switch (verb) {
      case "RCPT":
        return conversation.rcpt(argument);
      case "MAIL":
        return this.#presentedHelo === "" ? conversation.mail(argument) : this.#mail(argument);
      case "DATA":
        return conversation.data(argument);
      case "BDAT":
        return conversation.service.chunking ? this.#chunk(argument) : this.#unknown(line, verb);
      case "QUIT":
        return answers.bye;
      case "STARTTLS":
        return this.#startTls(line, argument);
      case "AUTH":
        return this.#auth(argument);
    }
    return this.#withoutPurpose(line, verb, argument);
  }

  /** A proxy need not repeat the greeting that it has told of: it is judged now. */
  #mail(argument: string): VerbAnswer | Promise<VerbAnswer> {
    const conversation = this.#conversation;
    const helo = conversation.session.helo === "" ? this.#presentedHelo : "";
    this.#presentedHelo = "";
    const greeted = helo === "" ? answers.ok : conversation.helo(helo, this.#presented.protocol !== "SMTP");
    return after(greeted, (response) => (response.reply?.code === 250 ? conversation.mail(argument) : response));
  }

  #chunk(argument: string): VerbAnswer | Promise<VerbAnswer> {
    const size = parseChunk(argument);
    if ("reply" in size) {
      return size;
    }
    this.#commands -= isFree(this.#conversation, size) ? 1 : 0;
    return answerChunk(this.#conversation, size);
  }

  /** Commands that bring no message on its way: so many and no more. */
  #withoutPurpose(line: string, verb: string, argument: string): VerbAnswer | Promise<VerbAnswer> {
    const conversation = this.#conversation;
    const greeting = verb === "EHLO" || verb === "HELO";
    // The first HELO has a purpose, and the first under TLS.
    if (greeting && conversation.session.helo === "") {
      return conversation.helo(argument, verb === "EHLO");
    }
    if (!greeting && !["RSET", "NOOP", "HELP", "VRFY"].includes(verb)) {
      return this.#unknown(line, verb);
    }
    if (++this.#junk > conversation.service.limits.sessionJunk) {
      return conversation.limit("junk", answers.tooManyCommands);
    }
    switch (verb) {
      case "RSET":
        return argument === "" ? this.#reset() : answers.noArgument;
      case "NOOP":
        return answers.ok;
      case "HELP":
        return answers.help;
      case "VRFY":
        return argument === "" ? answers.badVrfy : answers.noPromise;
    }
    return conversation.helo(argument, verb === "EHLO");
  }

  #reset(): Response {
    this.#conversation.end();
    return answers.flushed;
  }

  /** EXPN, ETRN and TURN are commands that the relay does not have; the rest is none, and a client may send few of these. */
  #unknown(line: string, verb: string): VerbAnswer | Promise<VerbAnswer> {
    if (["EXPN", "ETRN", "TURN"].includes(verb)) {
      return answers.notImplemented;
    }
    const { service, session } = this.#conversation;
    if ((verb === "XCLIENT" || verb === "XFORWARD") && service.presenters !== undefined) {
      return this.#ofAnother(verb);
    }
    const wait = service.pipeline.unrecognised(session, line);
    const most = service.limits.sessionUnrecognised;
    const answer =
      ++this.#unrecognised === most
        ? this.#conversation.limit("unrecognised", answers.tooManyUnrecognised)
        : answers.unknownCommand;
    return wait === undefined ? answer : wait.then(() => answer);
  }

  /** Whoever may say it; not in a transaction. */
  #ofAnother(verb: "XCLIENT" | "XFORWARD"): VerbAnswer {
    const { service, session } = this.#conversation;
    if (session.transaction !== undefined) {
      return xclientAnswers.inMail;
    }
    if (!mayPresent(this.#conversation)) {
      return xclientAnswers.notAllowed;
    }
    if (verb === "XFORWARD") {
      return noteForwarded(service, session, this.argument);
    }
    const client = parseXclient(this.argument, this.#presented, service.presenters?.login !== undefined);
    return "reply" in client ? client : { presented: client };
  }

  /** The message is answered. A client that says RSET before each message that is delivered may send any number. */
  messageDone(isDelivered: boolean): void {
    if (isDelivered) {
      this.#junk = 0;
    }
    this.#conversation.messageDone(isDelivered);
  }

  #startTls(line: string, argument: string): VerbAnswer | Promise<VerbAnswer> {
    const { service, secure } = this.#conversation;
    if (!service.starttls || secure) {
      return this.#unknown(line, "STARTTLS");
    }
    if (argument !== "") {
      return answers.noArgument;
    }
    this.#presentedHelo = "";
    return { startTls: true };
  }

  #auth(argument: string): VerbAnswer | Promise<VerbAnswer> {
    const { offersAuth, service, session, authenticated } = this.#conversation;
    if (!offersAuth) {
      return service.authenticator === undefined ? answers.notImplemented : answers.tlsFirst;
    }
    if (session.helo === "" || session.transaction !== undefined || authenticated) {
      return answers.authOutOfPlace;
    }
    const offered = { mechanisms: service.authenticator?.mechanisms ?? [], hostname: service.hostname };
    return this.#authStep(beginExchange(argument, offered));
  }

  #authStep(exchange: Exchange): VerbAnswer | Promise<VerbAnswer> {
    switch (exchange.kind) {
      case "answer":
        return exchange.response;
      case "ask":
        this.#exchange = exchange.next;
        return exchange.response;
      case "credentials":
      case "proof":
        return authenticate(this.#conversation, exchange);
    }
  }
}
