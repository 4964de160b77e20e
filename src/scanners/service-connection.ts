/** A connection to a local service that is asked once: a bounded answer, and a bound on the time to connect. */
import { connect } from "node:net";
import type { Socket } from "node:net";

import { formatEndpoint, parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";

/** ms */
const connectTime = 5000;
/** What a write says where nobody reads any more. */
const brokenOff: ReadonlySet<string> = new Set(["EPIPE", "ECONNRESET"]);

/** A Unix socket, or a port. */
export type ServicePlace = { readonly path: string } | Endpoint;

/** What a setting for a place may be. */
export const placeRule = {
  allowed: '"/path/of/a/socket" or "host:port"',
  fits: (text: string): boolean => parsePlace(text) !== undefined,
};

/** Reads the value of a setting by {@link placeRule}. @throws RangeError where it has not kept to it */
export function readPlace(text: string): ServicePlace {
  const place = parsePlace(text);
  if (place === undefined) {
    throw new RangeError(`not a place of a service: ${text}`);
  }
  return place;
}

/** Reads "/path" or "host:port". */
export function parsePlace(text: string): ServicePlace | undefined {
  return text.startsWith("/") && !text.includes("\0") ? { path: text } : parseEndpoint(text);
}

/** As the setting has it. */
export function formatPlace(place: ServicePlace): string {
  return "path" in place ? place.path : formatEndpoint(place);
}

export class ServiceConnection {
  readonly #socket: Socket;
  readonly #most: number;
  readonly #isWhole: (answer: Buffer) => boolean;
  readonly #answer = Promise.withResolvers<Buffer>();
  #pieces: Buffer[] = [];
  #size = 0;
  #failure: NodeJS.ErrnoException | undefined;
  #wasOpen = false;

  /**
   * @param most bytes of an answer
   * @param isWhole whether nothing more is to come; else the answer ends where the service closes the connection
   */
  constructor(place: ServicePlace, most: number, isWhole: (answer: Buffer) => boolean) {
    this.#most = most;
    this.#isWhole = isWhole;
    this.#answer.promise.catch(() => undefined);
    this.#socket = connect(place);
    const timer = setTimeout(() => this.#fail(new Error(`no connection in ${connectTime} ms`)), connectTime);
    this.#socket
      .on("connect", () => {
        this.#wasOpen = true;
        clearTimeout(timer);
      })
      .on("data", (chunk: Buffer) => this.#take(chunk))
      .on("end", () => this.#answer.resolve(this.received))
      .on("error", (error) => this.#fail(error))
      .on("close", () => {
        clearTimeout(timer);
        this.#answer.resolve(this.received);
      });
  }

  /** What it has said so far. */
  get received(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Whether it has said something, or gone. */
  get hasAnswered(): boolean {
    return this.#size > 0 || this.#failure !== undefined || this.#socket.readableEnded;
  }

  /** Why there is no connection any more; undefined: there is, or it has ended as it should. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Whether the service closed the connection while it was sent something, and was not heard: what is sent to one that
   * has closed ends the socket, with what it has said and nobody has read yet.
   */
  get isBrokenOff(): boolean {
    return this.#wasOpen && this.#size === 0 && brokenOff.has(this.#failure?.code ?? "");
  }

  /** Sends these together. A promise asks to wait; it ends, too, when the connection does. */
  write(...pieces: readonly Buffer[]): Promise<void> | undefined {
    if (this.#socket.destroyed || this.#socket.writableEnded) {
      return undefined;
    }
    let goesOn = true;
    this.#socket.cork();
    for (const piece of pieces) {
      goesOn = this.#socket.write(piece);
    }
    this.#socket.uncork();
    return goesOn ? undefined : this.#drained();
  }

  /** Says that nothing more is sent, and closes this direction. */
  end(): void {
    this.#socket.end();
  }

  /** The complete answer. Rejects where the connection failed and nothing was said, or too much. */
  answer(): Promise<Buffer> {
    return this.#answer.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      this.#socket.off("drain", done).off("close", done);
      resolve();
    };
    this.#socket.on("drain", done).on("close", done);
    return promise;
  }

  #take(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#size += chunk.length;
    if (this.#size > this.#most) {
      this.#fail(new Error(`answer of more than ${this.#most} bytes`));
    } else if (this.#isWhole(this.received)) {
      this.#answer.resolve(this.received);
    }
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#failure ??= error;
    // What was said before a connection broke may say why: a service that has enough closes it.
    if (this.#size > 0 && this.#size <= this.#most) {
      this.#answer.resolve(this.received);
    }
    this.#answer.reject(error);
    this.#socket.destroy();
  }
}
