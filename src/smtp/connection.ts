/**
 * One client's connection: smtp-server's socket, line reader and TLS under our own verbs. Reads lines, writes
 * responses, keeps the deadlines and the limits; what is answered is Conversation's business.
 */
import type { Socket } from "node:net";

import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import type { SMTPStream } from "smtp-server/lib/smtp-stream.js";

import type { Reply } from "../mail/reply.ts";
import { answers } from "./answers.ts";
import type { Response } from "./answers.ts";
import { beginExchange } from "./auth-exchange.ts";
import type { Exchange } from "./auth-exchange.ts";
import { authenticate } from "./authenticate.ts";
import { splitLine } from "./command.ts";
import type { Conversation, DataAnswer } from "./conversation.ts";
import type { MessageIntake } from "./message-intake.ts";
import { Parser } from "./parser.ts";
import type { RelayServer } from "./server.ts";

/** RFC 4954 4: a response line of AUTH may have 12288 octets; no other command comes near. */
const maxCommandLength = 12_288;
/** Octets a second that a message must bring beyond the idle time, as Postfix's smtpd_min_data_rate. */
const minimumRate = 500;

/**
 * A web page that makes its reader's browser talk to port 25, a proxy that was asked to, or TLS: no SMTP follows,
 * or what follows is not the client's own.
 */
const notSmtp = /^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT) |^[\x00-\x08\x0e-\x1f\x80-\xff]| HTTP\/\d/i;

type Answering = Response | DataAnswer | Promise<Response | DataAnswer>;

export class Connection extends SMTPConnection {
  /** Undefined until the client was let in. */
  conversation: Conversation | undefined;
  /** The address under which the server counts it. */
  countedAs = "";
  readonly #relay: RelayServer;
  readonly #startedAt = performance.now();
  /** A command is being answered: it is not the client's turn. */
  #busy = false;
  /** When the client must have brought its next command, or enough of its message; monotonic ms. */
  #deadline = Number.POSITIVE_INFINITY;
  #intake: MessageIntake | undefined;
  #exchange: ((line: string) => Exchange) | undefined;
  #errors = 0;
  #junk = 0;
  #commands = 0;
  #leaving = false;
  /** The TLS socket that is being made after STARTTLS. */
  #handshake: Socket | undefined;

  constructor(server: RelayServer, socket: Socket, options: ConstructorParameters<typeof SMTPConnection>[2]) {
    super(server, socket, options);
    this.#relay = server;
  }

  // Called by the library's constructor, before the fields above exist.
  override _createParser(): SMTPStream {
    const parser = new Parser(maxCommandLength, () => this._socket);
    parser.oncommand = (command, callback): void => this._onCommand(command, callback);
    parser.on("error", () => this.#answer(answers.lineTooLong));
    // The client has said its last word (FIN); everything before it is answered by now.
    parser.on("finish", () => this.close());
    return parser;
  }

  override init(): void {
    this._setListeners(() => {
      this.#deadline = performance.now() + this.#relay.service.limits.idle;
      this.#relay.admit(this).catch((error: unknown) => this.#fault(error));
    });
  }

  /** Deadlines are kept by {@link tick}: the library's idle timer starts over at each byte. */
  override _armTimeout(socket?: Socket): void {
    this.#handshake = socket;
  }

  /** Ends the wait before the greeting. The conversation must be set. */
  async greet(): Promise<void> {
    const { conversation } = this;
    if (conversation === undefined || this._closing || this._closed) {
      return;
    }
    if ((this._parser as Parser).hasPartialLine) {
      this.#answer(answers.tooSoon);
      return;
    }
    const response = await conversation.greet();
    this._ready = true;
    this.#answer(response);
    this.#restart();
  }

  /** Says a reply, or nothing, and closes where it asks for that. */
  turnAway(response: Response): void {
    this.#answer(response);
  }

  /** The library's own words (a handshake that failed, a server that closes) become ours. */
  override send(code: number): void {
    this.#answer(code === 421 ? answers.closing : answers.fault);
  }

  override _onCommand(command: Buffer, callback?: () => void): void {
    // Half a command at the end of the stream comes without a callback: it is no command.
    if (callback === undefined || this._closing || this._closed) {
      return;
    }
    if (this._upgrading) {
      callback();
      return;
    }
    if (!this._ready || this.conversation === undefined) {
      this.#relay.service.counters.add("limits", { limit: "early talker" });
      this.#answer(answers.tooSoon);
      return;
    }
    this.#busy = true;
    this.conversation.session.commandAt = performance.now();
    let answering: Answering;
    try {
      answering = this.#dispatch(this.conversation, command.toString("latin1"), callback);
    } catch (error) {
      this.#fault(error);
      return;
    }
    if (answering instanceof Promise) {
      answering.then((answer) => this.#settle(answer, callback)).catch((error: unknown) => this.#fault(error));
    } else {
      this.#settle(answering, callback);
    }
  }

  #dispatch(conversation: Conversation, line: string, callback: () => void): Answering {
    if (this.#exchange !== undefined) {
      const step = this.#exchange;
      this.#exchange = undefined;
      return this.#authStep(conversation, step(line));
    }
    const limits = conversation.service.limits;
    if (++this.#commands > limits.sessionCommands) {
      return this.#limit("commands", answers.tooManyCommands);
    }
    if (notSmtp.test(line)) {
      return this.#limit("not SMTP", answers.notSmtp);
    }
    const { verb, argument } = splitLine(line);
    if (conversation.refused && verb !== "QUIT") {
      return answers.refusedSession;
    }
    switch (verb) {
      case "RCPT":
        return conversation.rcpt(argument);
      case "MAIL":
        return conversation.mail(argument);
      case "DATA":
        return conversation.data(argument, this.#normalises(conversation));
      case "EHLO":
      case "HELO":
        // The first one has a purpose, and the first under TLS.
        return (
          (conversation.session.helo === "" ? undefined : this.#junkLimit(limits.sessionJunk)) ??
          conversation.helo(argument, verb === "EHLO")
        );
      case "RSET":
        return this.#junkLimit(limits.sessionJunk) ?? (argument === "" ? conversation.rset() : answers.noArgument);
      case "NOOP":
        return this.#junkLimit(limits.sessionJunk) ?? answers.ok;
      case "HELP":
        return this.#junkLimit(limits.sessionJunk) ?? answers.help;
      case "VRFY":
        return this.#junkLimit(limits.sessionJunk) ?? (argument === "" ? answers.badVrfy : answers.noPromise);
      case "QUIT":
        return answers.bye;
      case "STARTTLS":
        return this.#startTls(conversation, argument, callback);
      case "AUTH":
        return this.#auth(conversation, argument);
      case "EXPN":
      case "ETRN":
      case "TURN":
        return answers.notImplemented;
    }
    return answers.unknownCommand;
  }

  #normalises({ service, session }: Conversation): boolean {
    return service.normaliseNewlines || session.has("RELAYCLIENT");
  }

  #junkLimit(limit: number): Response | undefined {
    return ++this.#junk > limit ? this.#limit("junk", answers.tooManyCommands) : undefined;
  }

  #limit(limit: string, response: Response): Response {
    this.#relay.service.counters.add("limits", { limit });
    this.conversation?.note("limit", { limit });
    return response;
  }

  #startTls(conversation: Conversation, argument: string, callback: () => void): Response | Promise<Response> {
    if (!conversation.service.starttls || conversation.secure) {
      return answers.unknownCommand;
    }
    if (argument !== "") {
      return answers.noArgument;
    }
    this.#write(answers.readyForTls);
    this.#busy = false;
    this.#restart();
    // From here on the library reads: what came in plain text behind STARTTLS is thrown away (CVE-2011-0411).
    this.upgrade(callback, () => {
      conversation.secured();
      this.#relay.secured(this);
      this.#restart();
    });
    return new Promise(() => undefined);
  }

  #auth(conversation: Conversation, argument: string): Answering {
    if (!conversation.offersAuth) {
      return conversation.service.authenticator === undefined ? answers.notImplemented : answers.tlsFirst;
    }
    if (
      conversation.session.helo === "" ||
      conversation.session.transaction !== undefined ||
      conversation.authenticated
    ) {
      return answers.authOutOfPlace;
    }
    return this.#authStep(conversation, beginExchange(argument));
  }

  #authStep(conversation: Conversation, exchange: Exchange): Answering {
    switch (exchange.kind) {
      case "answer":
        return exchange.response;
      case "ask":
        this.#exchange = exchange.next;
        return exchange.response;
      case "credentials":
        return authenticate(conversation, exchange);
    }
  }

  #settle(answer: Response | DataAnswer, callback: () => void): void {
    if (this._closing || this._closed) {
      // The client went away while the next hop was asked: there is nobody to send the message.
      if ("intake" in answer) {
        answer.intake.abandon();
      }
      return;
    }
    if ("intake" in answer) {
      this.#beginMessage(answer.intake);
    } else {
      this.#answer(answer);
    }
    this.#busy = false;
    this.#restart();
    if (!this._closing && !this._closed) {
      // A client that never reads its replies must not make us keep them all.
      this._whenWritable(callback);
    }
  }

  #beginMessage(intake: MessageIntake): void {
    this.#intake = intake;
    this.#write(answers.go);
    (this._parser as Parser).startMessage((chunk, done) => {
      try {
        this.#takeContent(intake, chunk, done);
      } catch (error) {
        this.#fault(error);
        done();
      }
    });
  }

  #takeContent(intake: MessageIntake, chunk: Buffer, done: (rest?: Buffer) => void): void {
    const { rest, full, cut } = intake.take(chunk);
    if (cut) {
      this.#limit("message size", answers.messageCut);
      this.#answer(answers.messageCut);
      done();
    } else if (rest !== undefined) {
      this.#finishMessage(intake, rest, done).catch((error: unknown) => this.#fault(error));
    } else if (full) {
      intake.drained().then(
        () => done(),
        (error: unknown) => this.#fault(error),
      );
    } else {
      done();
    }
  }

  async #finishMessage(intake: MessageIntake, rest: Buffer, done: (rest?: Buffer) => void): Promise<void> {
    this.#busy = true;
    this.#intake = undefined;
    const answer = await intake.finish();
    this.conversation?.messageDone();
    // "Beyond its messages": a client that says RSET before each of them may send any number.
    this.#junk = (answer.reply?.code ?? 500) < 300 ? 0 : this.#junk;
    this.#answer(answer);
    this.#busy = false;
    this.#restart();
    if (this.#leaving && !this._closing) {
      this.#answer(answers.closing);
    }
    done(rest);
  }

  /** The one place where a response becomes bytes. */
  #answer({ reply, close }: Response): void {
    if (reply !== undefined) {
      this.#write(reply);
      // 452 is not the client's fault: a list of more than max_recipients must get through, part by part.
      if (
        reply.code >= 400 &&
        reply.code !== 452 &&
        !close &&
        ++this.#errors >= this.#relay.service.limits.sessionErrors
      ) {
        this.#write(this.#limit("errors", answers.tooManyErrors).reply);
        this.close();
        return;
      }
    }
    if (close) {
      this.close();
    }
  }

  #write(reply: Reply | undefined): void {
    const socket = this._socket;
    if (reply !== undefined && !this._upgrading && socket.writable && !this._closing) {
      socket.write(reply.wire, "latin1");
    }
  }

  /** The one place where a fault in a session becomes 421. */
  #fault(error: unknown): void {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#relay.service.counters.add("session_faults");
    this.#relay.service.log.error("smtp", "fault in a session", { session: this.id, ip: this.remoteAddress, why });
    this.#answer(answers.fault);
  }

  #restart(): void {
    this.#deadline = performance.now() + this.#relay.service.limits.idle;
  }

  /** Looks at the deadlines; called by the server every second or so. */
  tick(now: number): void {
    const { limits } = this.#relay.service;
    const grace = this.#intake === undefined ? 0 : (this.#intake.bytes / minimumRate) * 1000;
    if (now - this.#startedAt > limits.sessionTime || (!this.#busy && now > this.#deadline + grace)) {
      if (this._closing || this._upgrading) {
        this.kill();
        return;
      }
      this.#answer(answers.timeout);
      this.#intake?.abandon();
    }
  }

  /** Cuts the connection. A TLS socket in its handshake does not survive that the one below it is destroyed. */
  kill(): void {
    (this._upgrading && this.#handshake !== undefined ? this.#handshake : this._socket).destroy();
  }

  /** The server stops: a session between messages ends now, one in a message after its answer. */
  leave(): void {
    this.#leaving = true;
    if (this._upgrading) {
      // Nothing can be said within a handshake.
      this.kill();
    } else if (!this.#busy && this.#intake === undefined && this.conversation?.session.transaction === undefined) {
      this.#answer(answers.closing);
    }
  }

  override close(): void {
    this.#intake?.abandon();
    this.#intake = undefined;
    super.close();
  }

  override _onClose(): void {
    if (!this._closed) {
      this.#intake?.abandon();
      this.#intake = undefined;
      this.conversation?.end();
      this.#relay.gone(this);
    }
    super._onClose();
  }
}
