/** One connection of another mail server: questions are answered one after another, in their order. */
import type { Socket } from "node:net";

import { errorMessage } from "../report/error-message.ts";
import type { LookupFault } from "../report/counters.ts";
import { within } from "../wait/within.ts";
import type { Complain } from "./complaints.ts";
import type { Connection } from "./connections.ts";
import type { Asker, Dialogue, Protocol, Said } from "./protocol.ts";

/** Bounds of one lookup service; times in ms. */
export interface LookupLimits {
  /** For a question to arrive, once it has begun, for its answer, and for the answer to be read. */
  readonly timeout: number;
  readonly idle: number;
}

/** What a connection needs. */
export interface ConnectionOptions {
  readonly limits: () => LookupLimits;
  readonly asker: () => Asker;
  readonly complain: Complain;
}

/** Answers to one connection before others have their turn. */
const mostInTurn = 50;

/** Why no further question is answered now: an answer is awaited, others have their turn, answers are not read. */
type Hold = "answer" | "turn" | "drain";

/** Answers what comes. */
export class LookupConnection<Request> implements Connection {
  readonly #socket: Socket;
  readonly #dialogue: Dialogue<Request>;
  readonly #longest: number;
  readonly #options: ConnectionOptions;
  #input: Buffer = Buffer.alloc(0);
  /** Of the request under way. */
  #asker: Asker | undefined;
  #hold: Hold | undefined;
  #hasEnded = false;
  #isLeaving = false;
  /** When something last came or was answered; while a question is incomplete, when it began. */
  #since = performance.now();

  constructor(socket: Socket, { open, longest }: Protocol<Request>, options: ConnectionOptions) {
    this.#socket = socket;
    this.#dialogue = open();
    this.#longest = longest;
    this.#options = options;
    socket
      .on("data", (chunk: Buffer) => this.#read(chunk))
      .once("end", () => this.#end())
      .on("drain", () => (this.#hold === "drain" ? this.#goOn() : undefined))
      .on("error", () => socket.destroy());
  }

  tick(now: number): void {
    if (this.#hold === "answer" || this.#hold === "turn") {
      return;
    }
    const { timeout, idle } = this.#options.limits();
    const silent = now - this.#since;
    // One that has written its question slowly, or does not read its answer.
    const isHalf = this.#input.length > 0 || this.#socket.writableLength > 0 || this.#hasEnded;
    if (silent >= (isHalf ? timeout : idle)) {
      if (isHalf) {
        this.#options.complain("question or answer not taken in time");
      }
      this.#socket.destroy();
    }
  }

  leave(): void {
    this.#isLeaving = true;
    if (this.#hold === undefined) {
      this.#socket.end();
      this.#socket.destroySoon();
    }
  }

  #read(chunk: Buffer): void {
    if (this.#input.length === 0) {
      this.#since = performance.now();
    }
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    this.#answerAll();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#answerAll();
  }

  /** Answers what has come, as far as it can without waiting, and without keeping others waiting. */
  #answerAll(): void {
    this.#socket.cork();
    for (let left = mostInTurn; this.#mayAnswer() && this.#answerNext(); left--) {
      if (this.#socket.writableNeedDrain) {
        this.#stop("drain");
      } else if (left === 1) {
        this.#stop("turn");
        setImmediate(() => this.#goOn());
      }
    }
    this.#socket.uncork();
    if (this.#hold !== undefined || this.#socket.destroyed) {
      return;
    }
    if (this.#hasEnded || this.#isLeaving) {
      this.#socket.end();
    } else if (this.#input.length > this.#longest) {
      this.#close("", "question too long");
    }
  }

  #mayAnswer(): boolean {
    return this.#hold === undefined && !this.#isLeaving && !this.#socket.destroyed;
  }

  #stop(why: Hold): void {
    this.#hold = why;
    this.#socket.pause();
  }

  #goOn(): void {
    this.#hold = undefined;
    this.#socket.resume();
    this.#answerAll();
  }

  #answerNext(): boolean {
    const taken = this.#input.length === 0 ? undefined : this.#dialogue.take(this.#input, this.#hasEnded);
    if (taken === undefined) {
      return false;
    }
    if ("fault" in taken) {
      this.#close(taken.fault, "not a question of this protocol");
      return false;
    }
    this.#input = this.#input.subarray(taken.octets);
    const said = this.#ask(taken.request);
    if (said instanceof Promise) {
      this.#wait(said);
      return false;
    }
    this.#say(said);
    return true;
  }

  #ask(request: Request): Said | Promise<Said> {
    this.#asker = undefined;
    try {
      this.#asker = this.#options.asker();
      return this.#dialogue.answer(request, this.#asker);
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** An internal error: whoever asked must try again. */
  #fail(error: unknown): string {
    const why = errorMessage(error);
    this.#options.complain("internal error", { why });
    this.#asker?.fail(why);
    return this.#dialogue.later;
  }

  #wait(said: Promise<Said>): void {
    this.#stop("answer");
    // Rejects never.
    void within(said, this.#options.limits().timeout, "no answer in time")
      .catch((error: unknown) => this.#fail(error))
      .then((text) => {
        this.#say(text);
        this.#goOn();
      });
  }

  #say(text: Said): void {
    this.#since = performance.now();
    if (text === undefined) {
      this.#isLeaving = true;
      this.#socket.destroySoon();
    } else if (text !== "") {
      this.#socket.write(text, "latin1");
    }
  }

  #close(text: string, why: LookupFault): void {
    this.#options.complain(why);
    this.#input = Buffer.alloc(0);
    this.#isLeaving = true;
    this.#socket.end(text, "latin1");
    this.#socket.destroySoon();
  }
}
