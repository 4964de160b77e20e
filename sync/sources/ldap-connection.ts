/**
 * One LDAP session over a connected socket: one request at a time, answers as they arrive. RFC 4511.
 *
 * It speaks with ldapts' messages and not with its Client, which buffers a whole search, reconnects by itself
 * (unauthenticated, and without TLS where StartTLS had made it) and hides the page control of an answer.
 */
import type { Socket } from "node:net";

import {
  BindRequest,
  BindResponse,
  type ExtendedRequest,
  ExtendedResponse,
  type Message,
  SearchRequest,
  SearchResponse,
  UnbindRequest,
} from "ldapts";

import { SourceFault } from "../source.ts";
import { strayFault, unfitFault } from "./answer-faults.ts";
import { type Answer, AnswerReader, type Requests } from "./answer-reader.ts";
import { endingCertificateOf } from "./certificate-words.ts";
import { type Bounds, explainScheme, secure, stopped, type ServerTarget } from "./dial.ts";
import { FoundEntry } from "./found-entry.ts";
import { Inbox } from "./inbox.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** What every answer says: `status` is the result code. */
export interface LdapAnswer {
  readonly status: number;
  readonly errorMessage: string;
}

/** unchecked: whoever takes an entry may find that it cannot be read, and calls {@link LdapConnection.notLdap} then. */
export type EntryForm = "checked" | "unchecked";

type OnEnd = (done: SearchResponse) => void;

/** A search under way. */
export type Search = AsyncGenerator<FoundEntry[], SearchResponse>;

export class LdapConnection {
  readonly #target: ServerTarget;
  readonly #bounds: Bounds;
  #socket: Socket;
  #reader = new AnswerReader();
  #requests: Requests = new Map();
  #messageId = 0;
  readonly #inbox = new Inbox();
  /** Whether the server ever gave an answer. */
  #heard = false;
  #fault: SourceFault | undefined;
  #wake: (() => void) | undefined;

  readonly #receive = (chunk: Buffer): void => {
    const before = this.#inbox.length;
    this.#inbox.receive(chunk.length);
    try {
      this.#reader.push(chunk, this.#requests, (answer) => this.#inbox.push(answer));
    } catch (error) {
      this.notLdap(error);
    }
    if (this.#inbox.isFull) {
      this.#socket.pause();
    }
    if (this.#inbox.length > before) {
      this.#wake?.();
    }
  };
  readonly #closed = (): void => {
    this.#fail(new SourceFault("connect", `${this.#target.url} closed the connection before its answer was complete`));
  };
  readonly #broken = (cause: Error): void => {
    this.#fail(new SourceFault("connect", `Lost the connection to ${this.#target.url}: ${cause.message}`, { cause }));
  };
  readonly #aborted = (): void => {
    this.#fail(stopped(`Reading ${this.#target.url}`, this.#bounds.signal));
  };

  constructor(socket: Socket, target: ServerTarget, bounds: Bounds) {
    this.#target = target;
    this.#bounds = bounds;
    this.#socket = socket;
    bounds.signal.addEventListener("abort", this.#aborted, { once: true });
    this.#listen(socket);
    if (bounds.signal.aborted) {
      this.#aborted();
    }
  }

  /**
   * Asks for one answer: a bind, an extended operation.
   * @throws SourceFault if none comes, or one to something else; a result code is the caller's to judge
   */
  async exchange(request: BindRequest | ExtendedRequest): Promise<LdapAnswer> {
    this.#send(request, "answer");
    const [answer, ...more] = await this.#take();
    const expected = request instanceof BindRequest ? BindResponse : ExtendedResponse;
    if (!(answer instanceof expected) || more.length > 0) {
      throw this.#fail(new SourceFault("format", `${this.#target.url} gave another answer, or more than one`));
    }
    return answer;
  }

  /**
   * Searches, from this call on: yields the entries as they arrive, returns the server's last word.
   * @param onEnd is called with it before the last entries are handed over, and may search again
   * @param form of the entries
   * @throws SourceFault "referral" at the first reference, or where the last word never comes
   */
  search(request: SearchRequest, onEnd?: OnEnd, form: EntryForm = "checked"): Search {
    this.#send(request, "entries");
    return this.#found(onEnd, form === "checked");
  }

  async *#found(onEnd: OnEnd | undefined, isChecked: boolean): Search {
    for (;;) {
      const entries: FoundEntry[] = [];
      let last: Message | undefined;
      for (const answer of await this.#take()) {
        if (answer instanceof FoundEntry) {
          entries.push(answer);
        } else {
          last = answer;
          break;
        }
      }
      if (last instanceof SearchResponse) {
        onEnd?.(last);
      }
      if (isChecked) {
        this.#check(entries);
      }
      if (entries.length > 0) {
        yield entries;
      }
      if (last instanceof SearchResponse) {
        return last;
      }
      if (last !== undefined) {
        throw this.#fail(unfitFault(this.#target, last));
      }
    }
  }

  /** @throws SourceFault "format" */
  #check(entries: readonly FoundEntry[]): void {
    try {
      entries.forEach((entry) => entry.check());
    } catch (error) {
      throw this.notLdap(error);
    }
  }

  /** Ends the session, as what came cannot be read. */
  notLdap(error: unknown): SourceFault {
    const text = `${this.#target.url} sent data that is not LDAP: ${errorMessage(error)}`;
    return this.#fail(new SourceFault("format", text, { cause: error }));
  }

  /**
   * Switches to TLS, after the server agreed. What came in the clear behind its answer was put there by an attacker.
   * @throws SourceFault "tls"
   */
  async startTls(): Promise<void> {
    if (this.#target.kind !== "tcp" || this.#inbox.length > 0 || this.#reader.pending > 0) {
      throw this.#fail(new SourceFault("tls", `${this.#target.url} sent plain text after it agreed to StartTLS`));
    }
    const plain = this.#socket;
    plain.off("data", this.#receive).off("close", this.#closed).off("error", this.#broken);
    // The "data" listener left the stream flowing; TLS reads below it.
    plain.pause();
    const secured = await secure(plain, this.#target, this.#bounds);
    this.#reader = new AnswerReader();
    this.#socket = secured;
    this.#listen(secured);
  }

  /** What is to be said of the server's certificate, though it is good. */
  certificateHint(now: number): string | undefined {
    return endingCertificateOf(this.#socket, this.#target.url, now);
  }

  /** Ends the session politely (RFC 4511 4.3), within a second whatever the server does; pending calls get an error. */
  close(): void {
    this.#bounds.signal.removeEventListener("abort", this.#aborted);
    const socket = this.#socket;
    if (this.#fault !== undefined) {
      return void socket.destroy();
    }
    this.#fault = new SourceFault("connect", `The connection to ${this.#target.url} is closed`);
    socket.off("data", this.#receive).resume();
    this.#wake?.();
    const timer = setTimeout(() => socket.destroy(), 1000);
    socket.once("close", () => clearTimeout(timer));
    socket.end(new UnbindRequest({ messageId: this.#messageId + 1 }).write(), () => socket.destroy());
  }

  #listen(socket: Socket): void {
    socket.on("data", this.#receive).on("close", this.#closed).on("error", this.#broken);
  }

  #send(request: Message, expected: "entries" | "answer"): void {
    if (this.#fault !== undefined) {
      throw this.#fault;
    }
    this.#inbox.expect(expected);
    this.#messageId += 1;
    request.messageId = this.#messageId;
    this.#requests = new Map([[String(this.#messageId), { message: request }]]);
    this.#socket.write(request.write());
  }

  /** The answers that are there, at least one; waits no longer than the deadline for it. */
  async #take(): Promise<Answer[]> {
    if (this.#inbox.length === 0 && this.#fault === undefined) {
      await this.#waitForOne();
    }
    if (this.#inbox.length === 0 && this.#fault !== undefined) {
      throw this.#heard ? this.#fault : await explainScheme(this.#fault, this.#target, this.#bounds);
    }
    this.#heard = true;
    const messages = this.#inbox.take();
    const stray = messages.find((message) => message.messageId !== this.#messageId);
    if (stray !== undefined) {
      throw this.#fail(strayFault(this.#target, stray));
    }
    this.#socket.resume();
    return messages;
  }

  async #waitForOne(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = (): SourceFault =>
      this.#fail(new SourceFault("timeout", `${this.#target.url} gave no answer within ${this.#bounds.timeout} ms`));
    const timer = setTimeout(late, this.#bounds.timeout);
    this.#wake = () => {
      timer.refresh();
      if (this.#fault !== undefined || this.#inbox.isReady) {
        resolve();
      }
    };
    await promise;
    this.#wake = undefined;
    clearTimeout(timer);
  }

  /** The first error is the one that counts; the connection does not outlive it. */
  #fail(fault: SourceFault): SourceFault {
    this.#fault ??= fault;
    this.#socket.destroy();
    this.#wake?.();
    return this.#fault;
  }
}
