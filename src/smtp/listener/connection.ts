/**
 * One client's connection: smtp-server's socket, line reader and TLS under the relay's own verbs. Reads lines, writes
 * responses, keeps the deadlines and the limits; what is answered is Conversation's business.
 */
import type { Socket } from "node:net";

import type { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import type { SMTPStream } from "smtp-server/lib/smtp-stream.js";

import { letGoAtEndOfTurn } from "../../mail/end-of-turn.ts";
import type { EventStage } from "../../report/event.ts";
import { answers, isOffence } from "../answers.ts";
import type { Response } from "../answers.ts";
import { limitDecision } from "../decision.ts";
import { EarlyCommand } from "./early-command.ts";
import { Parser } from "../message/parser.ts";
import type { Owner } from "./owner.ts";
import { ReceivingConnection } from "./receiving.ts";
import type { Service } from "../service.ts";
import { isEarlyTalker } from "../session/early-talk.ts";
import { after } from "../session/outcome.ts";
import { Verbs } from "../session/verbs.ts";
import type { VerbAnswer } from "../session/verbs.ts";

export class Connection extends ReceivingConnection {
  /** The address (IPv6: the /64) under which the server counts it. */
  countedAs = "";
  /** Among the open sessions. */
  place = -1;
  readonly early = new EarlyCommand();
  readonly #relay: Owner<Connection>;
  #errors = 0;
  #handshake: Socket | undefined;

  constructor(server: Owner<Connection>, socket: Socket, options: ConstructorParameters<typeof SMTPConnection>[2]) {
    super(server, socket, options);
    this.#relay = server;
  }

  // Called by the library's constructor, before the fields above exist.
  override _createParser(): SMTPStream {
    const parser = new Parser((line, next) => this.#take(line, next));
    parser.on("error", () => this.answer(answers.lineTooLong));
    // The client has said its last word (FIN); everything before it is answered by now.
    parser.on("finish", () => this.close());
    return parser;
  }

  override init(): void {
    this.deadlines.restart();
    this._setListeners(() => this.#beAdmitted());
  }

  #beAdmitted(): void {
    try {
      const admitted = this.#relay.admit(this);
      if (admitted instanceof Promise) {
        admitted.catch((error: unknown) => this.fault(error));
      }
    } catch (error) {
      this.fault(error);
    }
  }

  /** Deadlines are kept by {@link tick}: the library's idle timer starts over at each byte. */
  override _armTimeout(socket?: Socket): void {
    this.#handshake = socket;
    // A client that goes in the middle of its handshake says FIN, of which TLS makes nothing.
    socket?.once("end", () => this._upgrading && this.kill("it ended the connection"));
  }

  /** Ends the wait before the greeting. The conversation must be set. */
  greet(): void | Promise<void> {
    const hasTalked = (): boolean => this.early.isThere || this._parser.hasPartialLine;
    const greeting = this.over ? undefined : this.greeting(hasTalked);
    return greeting && after(greeting, (response) => this.#welcome(response));
  }

  #welcome(response: Response): void {
    if (this.conversation !== undefined && isEarlyTalker(this.conversation.session)) {
      this.#relay.noteLimit("early talker", this.countedAs);
    }
    this._ready = true;
    this.answer(response);
    this.deadlines.restart();
    this.early.release();
  }

  /** The library's own words (a handshake that failed, a server that closes) become the relay's. */
  override send(code: number): void {
    this.answer(code === 421 ? answers.closing : answers.fault);
  }

  /** One command line. @param next asks for the one behind it */
  #take(line: string, next: () => void): void {
    if (this.over) {
      return;
    }
    if (this._upgrading) {
      return next();
    }
    if (!this._ready || this.conversation === undefined) {
      return this.early.hold(() => this.#take(line, next));
    }
    this.deadlines.stop();
    this.conversation.session.noteCommand();
    let answering: VerbAnswer | Promise<VerbAnswer>;
    try {
      answering = (this.verbs ??= new Verbs(this.conversation, this.presented)).answer(line);
    } catch (error) {
      return this.fault(error);
    }
    if (answering instanceof Promise) {
      answering.then((answer) => this.#settle(answer, next)).catch((error: unknown) => this.fault(error));
    } else {
      this.#settle(answering, next);
    }
  }

  #startTls(next: () => void): void {
    this.write(answers.readyForTls);
    // The handshake begins below the socket.
    this.outgoing.uncork();
    this.deadlines.restart();
    // From here on the library reads: what came in plain text behind STARTTLS is thrown away (CVE-2011-0411).
    this.upgrade(next, () => {
      this.conversation?.secured();
      this.#relay.secured(this);
      this.deadlines.restart();
    });
  }

  #settle(answer: VerbAnswer, next: () => void): void {
    if (this.over) {
      // The client went away while the next hop was asked; its end has given the delivery up.
      return;
    }
    // Most are replies.
    if ("reply" in answer) {
      this.answer(answer);
    } else if ("intake" in answer) {
      this.receive(answer.intake);
    } else if ("chunk" in answer) {
      this.receiveChunk(answer.chunk);
    } else if ("startTls" in answer) {
      return this.#startTls(next);
    } else {
      const begun = this.#relay.present(this, answer.presented);
      return void begun.then(() => this.over || next()).catch((error: unknown) => this.fault(error));
    }
    this.awaitClient();
    if (!this.over) {
      // A client that never reads its replies must not make the relay keep them all.
      this._whenWritable(next);
    }
  }

  /** Says it, and does what it asks for. */
  answer(response: Response, stage: EventStage = this.verbs?.stage ?? "connection"): void {
    const { reply, close } = response;
    this.say(response, stage);
    if (!close && isOffence(reply) && ++this.#errors >= this.#relay.service.limits.sessionErrors) {
      const last = this.conversation?.limit("errors", answers.tooManyErrors);
      this.say(last ?? answers.tooManyErrors, "session");
      this.#part();
    } else if (close) {
      this.hasSaidQuit = response === answers.bye;
      this.#part();
    }
  }

  /** Ends the session after its last words, which leave at the end of this turn: `end` would send them separately. */
  #part(): void {
    if (!this.over) {
      this.parting = true;
      this.incoming?.abandon();
      letGoAtEndOfTurn(this);
    }
  }

  /** At the end of the turn, behind the last words. */
  uncork(): void {
    try {
      if (!this._closed) {
        this.close();
      }
    } catch (error) {
      // Others wait for the same end.
      this.#relay.noteFault(this, error);
    }
  }

  protected get idleTime(): number {
    return this.#relay.service.limits.idle;
  }

  protected get service(): Service {
    return this.#relay.service;
  }

  /** The one place where an error in a session becomes 421. */
  protected fault(error: unknown): void {
    this.#relay.noteFault(this, error);
    this.answer({ ...answers.fault, by: limitDecision("internal error") });
  }

  /** Looks at the deadlines; called by the server every second or so. */
  tick(now: number): void {
    if (this._closing) {
      this.tickClosing(now);
      return;
    }
    const { limits } = (this.conversation ?? this.#relay).service;
    const limit = this.deadlines.passed(now, limits, this.incoming?.bytes ?? 0, this.conversation?.limited);
    if (limit === undefined) {
      return;
    }
    this.answer(this.conversation?.limit(limit, answers.timeout) ?? answers.timeout, "session");
    if (this._upgrading) {
      // Nothing can be said within a handshake.
      this.kill(limit);
    }
  }

  /** Cuts the connection. A TLS socket in its handshake does not survive that the one below it is destroyed. */
  kill(why: string): void {
    this.#lost(why);
    (this._upgrading && this.#handshake !== undefined ? this.#handshake : this._socket).destroy();
  }

  /** The server stops: a session between messages ends now, one in a message after its answer. */
  leave(): void {
    this.leaving = true;
    const waits = !this.deadlines.stopped && this.incoming === undefined;
    if (this._upgrading) {
      this.kill("the relay stops");
    } else if (waits && this.conversation?.session.transaction === undefined) {
      this.answer(answers.closing, "session");
    }
  }

  /** The library would be silent about most of them, as it hears of no transaction. */
  override _onError(error: Error): void {
    this.#lost(error);
    super._onError(error);
  }

  #lost(why: unknown): void {
    if (this._upgrading && !this.leaving) {
      this.#relay.noteTlsFailure(this, why);
    }
    if (!this.over && this.conversation?.underWay === true) {
      this.#relay.noteLost(this, why);
      this.conversation.end();
    }
  }

  override close(): void {
    this.#lost("it ended the connection");
    this.incoming?.abandon();
    this.outgoing.uncork();
    super.close();
  }

  override _onClose(): void {
    if (!this._closed) {
      // Ends the delivery, and with it a message that is on its way.
      this.conversation?.end();
      this.#relay.gone(this);
    }
    super._onClose();
  }
}
