/**
 * Connections of other mail servers: questions are answered one after another, in their order. What a connection may
 * hold, how long it may be silent or take for a question, and how many there may be, is bounded.
 */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

import type { Counters, LookupFault } from "../report/counters.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { within } from "../wait/within.ts";
import type { Asker, Dialogue, Protocol, Said } from "./protocol.ts";

/** Bounds of one lookup service; times in ms. */
export interface LookupLimits {
  /** For a question to arrive, once it has begun, and for its answer. */
  readonly timeout: number;
  readonly idle: number;
  readonly connections: number;
}

/** What a server needs. */
export interface LookupServerOptions {
  readonly name: string;
  readonly limits: () => LookupLimits;
  readonly asker: () => Asker;
  /** What clients must send, by protocols that have such a thing; undefined: nothing. */
  readonly token: () => string | undefined;
  readonly log: Log;
  readonly counters: Counters;
}

/** A service that is asked; its socket is bound elsewhere. */
export interface LookupServer {
  readonly server: Server;
  /** A connection that another process has accepted. */
  take(socket: Socket): void;
  /** Ends what is idle at once, and the rest after its answer, or after so many ms. */
  shutdown(timeout: number): Promise<void>;
}

/** How often a complaint of one kind is logged, in ms. */
const complainEvery = 60_000;

/** Serves a protocol of connections. */
export function createLookupServer<Request>(protocol: Protocol<Request>, options: LookupServerOptions): LookupServer {
  const connections = new Set<LookupConnection<Request>>();
  const complain = complainer(options);
  const take = (socket: Socket): void => {
    if (connections.size >= options.limits().connections) {
      complain("too many connections", {});
      socket.on("error", () => undefined).destroy();
      return;
    }
    const connection = new LookupConnection(socket, protocol, options, complain);
    connections.add(connection);
    socket.once("close", () => connections.delete(connection));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, take);
  const ticker = setInterval(() => connections.forEach((one) => one.tick(performance.now())), 500).unref();
  return {
    server,
    take: (socket) => {
      socket.allowHalfOpen = true;
      take(socket);
    },
    shutdown: async (timeout) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.forEach((one) => one.leave());
      const late = setTimeout(() => connections.forEach((one) => one.kill()), timeout);
      await closed;
      clearTimeout(late);
      clearInterval(ticker);
    },
  };
}

type Complain = (why: LookupFault, fields: Readonly<Record<string, string>>) => void;

/** Logs the first of each kind, and then one a minute. */
function complainer({ name, log, counters }: LookupServerOptions): Complain {
  const said = new Map<string, number>();
  return (why, fields) => {
    counters.add("lookup_faults", { why });
    const now = performance.now();
    if (now - (said.get(why) ?? Number.NEGATIVE_INFINITY) >= complainEvery) {
      said.set(why, now);
      log.warning("lookup", why, { lookup: name, ...fields });
    }
  };
}

class LookupConnection<Request> {
  readonly #socket: Socket;
  readonly #dialogue: Dialogue<Request>;
  readonly #longest: number;
  readonly #options: LookupServerOptions;
  readonly #complain: Complain;
  #input: Buffer = Buffer.alloc(0);
  #isBusy = false;
  #hasEnded = false;
  #isLeaving = false;
  /** When something last came or was answered; while a question is incomplete, when it began. */
  #since = performance.now();

  constructor(socket: Socket, { open, longest }: Protocol<Request>, options: LookupServerOptions, complain: Complain) {
    this.#socket = socket;
    this.#dialogue = open();
    this.#longest = longest;
    this.#options = options;
    this.#complain = complain;
    socket
      .on("data", (chunk: Buffer) => this.#read(chunk))
      .once("end", () => this.#end())
      .on("error", () => socket.destroy());
  }

  /** @param now ms of the monotonic clock */
  tick(now: number): void {
    const { timeout, idle } = this.#options.limits();
    const silent = now - this.#since;
    if (this.#isBusy) {
      return;
    }
    // One that has written its question slowly, or does not read its answer.
    const isHalf = this.#input.length > 0 || this.#socket.writableLength > 0 || this.#hasEnded;
    if (silent >= (isHalf ? timeout : idle)) {
      if (isHalf) {
        this.#complain("question or answer not taken in time", {});
      }
      this.#socket.destroy();
    }
  }

  leave(): void {
    this.#isLeaving = true;
    if (!this.#isBusy) {
      this.#socket.end();
      this.#socket.destroySoon();
    }
  }

  kill(): void {
    this.#socket.destroy();
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

  /** Answers what has come, as far as it can without waiting. */
  #answerAll(): void {
    this.#socket.cork();
    while (!this.#isBusy && !this.#isLeaving && this.#answerNext()) {
      // Each answers one question.
    }
    this.#socket.uncork();
    if (this.#isBusy || this.#socket.destroyed) {
      return;
    }
    if (this.#hasEnded || this.#isLeaving) {
      this.#socket.end();
    } else if (this.#input.length > this.#longest) {
      this.#close("", "question too long");
    }
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
    try {
      return this.#dialogue.answer(request, this.#options.asker());
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** An internal error: whoever asked must try again. */
  #fail(error: unknown): string {
    this.#complain("internal error", { why: errorMessage(error) });
    return this.#dialogue.later;
  }

  #wait(said: Promise<Said>): void {
    const { timeout } = this.#options.limits();
    this.#isBusy = true;
    this.#socket.pause();
    // Rejects never.
    void within(said, timeout, "no answer in time")
      .catch((error: unknown) => this.#fail(error))
      .then((text) => {
        this.#isBusy = false;
        this.#say(text);
        this.#socket.resume();
        this.#answerAll();
      });
  }

  #say(text: Said): void {
    this.#since = performance.now();
    if (text === undefined) {
      this.#socket.destroySoon();
    } else if (text !== "") {
      this.#socket.write(text, "latin1");
    }
  }

  #close(text: string, why: LookupFault): void {
    this.#complain(why, {});
    this.#input = Buffer.alloc(0);
    this.#isLeaving = true;
    this.#socket.end(text, "latin1");
    this.#socket.destroySoon();
  }
}
