/** One connection to a next hop, SMTP or LMTP: lines out, replies in, a deadline on each. No policy. RFC 5321, 3207, 2920. */
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { sendAtEndOfTurn } from "../../mail/end-of-turn.ts";
import { formatHop } from "../../mail/hop-endpoint.ts";
import type { HopEndpoint } from "../../mail/hop-endpoint.ts";
import { errorMessage } from "../../report/error-message.ts";
import { dial, settled, tlsOptions } from "./dial.ts";
import type { TlsPolicy } from "../contract/routes.ts";
import { HopFault } from "./hop-fault.ts";
import { introduce } from "./introduction.ts";
import { ReplyReader } from "./reply-reader.ts";
import type { HopReply } from "./reply-reader.ts";

interface Waiting {
  readonly resolve: (reply: HopReply) => void;
  readonly reject: (fault: HopFault) => void;
  readonly timer: NodeJS.Timeout;
}

/** Commands that may wait for their reply at a time: MAIL and RCPT together, no more. */
const maxWaiting = 8;

export class HopConnection {
  readonly endpoint: HopEndpoint;
  /** EHLO keywords in capitals with their arguments. */
  readonly features: Map<string, string> = new Map<string, string>();
  /** The name that the relay gave itself. */
  readonly hostname: string;
  /** Transactions that were begun on it. */
  used = 0;
  /** A transaction is open on it that is over for the relay: RSET has to come before the next. */
  unfinished = false;
  /** The client that the hop takes it for, by XCLIENT. */
  presentedAs: string | undefined;
  #socket: Socket;
  #reader = new ReplyReader();
  #waiting: Waiting[] = [];
  #fault: HopFault | undefined;
  #secure: boolean;
  /** The last moment (monotonic, ms) at which it said anything. */
  #heard = 0;
  /** Called once when the connection is of no use any more. */
  onGone: (() => void) | undefined;
  /** The same for the pool's books. */
  onClosed: (() => void) | undefined;
  /** What it refused on the way to being usable, for the log. */
  readonly refused: string[] = [];

  private constructor(endpoint: HopEndpoint, hostname: string, socket: Socket) {
    this.endpoint = endpoint;
    this.hostname = hostname;
    this.#socket = socket;
    this.#secure = endpoint.implicitTls === true;
    this.#listen(socket);
  }

  /**
   * Connects, reads the greeting, says EHLO and starts TLS as the policy asks.
   * @param timeout ms for the connection and for each answer
   * @throws HopFault
   */
  static async open(
    endpoint: HopEndpoint,
    hostname: string,
    policy: TlsPolicy,
    timeout: number,
  ): Promise<HopConnection> {
    const socket = await dial(endpoint, policy, timeout);
    const connection = new HopConnection(endpoint, hostname, socket);
    try {
      await introduce(connection, hostname, policy, timeout);
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** Whether it can still be used. */
  get alive(): boolean {
    return this.#fault === undefined && !this.#socket.destroyed;
  }

  /** Why it cannot be used any more; undefined while it can. */
  get fault(): HopFault | undefined {
    return this.#fault;
  }

  /** A command was sent whose reply is still to come. */
  get asked(): boolean {
    return this.#waiting.length > 0;
  }

  /** For how long it has said nothing, in ms. */
  get silence(): number {
    return performance.now() - this.#heard;
  }

  /** Whether TLS is on. */
  get secure(): boolean {
    return this.#secure;
  }

  /** Does the handshake, after the hop's 220 to STARTTLS. @throws HopFault */
  async startTls(policy: TlsPolicy, timeout: number): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners("data");
    plain.removeAllListeners("close");
    plain.removeAllListeners("error");
    plain.on("error", () => undefined);
    // Anything that the hop sent before the handshake is thrown away with the reader. CVE-2011-0411.
    this.#reader = new ReplyReader();
    const secure = connectTls({ socket: plain, ...tlsOptions(this.endpoint, policy) });
    try {
      await settled(secure, "secureConnect", timeout, this.endpoint);
    } catch (cause) {
      throw new HopFault(`Cannot start TLS with ${this.#name}: ${errorMessage(cause)}`, {
        cause,
        duringTls: true,
      });
    }
    this.#socket = secure;
    this.#secure = true;
    this.#listen(secure);
  }

  get #name(): string {
    return formatHop(this.endpoint);
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) =>
      this.#fail(new HopFault(`Lost ${this.#name}: ${errorMessage(error)}`, { cause: error })),
    );
    socket.on("close", () => this.#fail(new HopFault(`Lost ${this.#name}: it closed the connection`)));
  }

  #take(chunk: Buffer): void {
    this.#heard = performance.now();
    try {
      for (const reply of this.#reader.push(chunk)) {
        const waiting = this.#waiting.shift();
        if (waiting === undefined) {
          // Nobody asked: a word before it closes, or a hop out of step. Either way it is of no more use.
          const message = `Cannot continue with ${this.#name}: reply ${reply.reply.code} without a command`;
          this.#fail(new HopFault(message, { said: reply.reply }));
          return;
        }
        clearTimeout(waiting.timer);
        waiting.resolve(reply);
      }
    } catch (error) {
      this.#fail(new HopFault(`Cannot understand ${this.#name}: ${errorMessage(error)}`, { cause: error }));
    }
  }

  #fail(fault: HopFault): void {
    if (this.#fault !== undefined) {
      return;
    }
    this.#fault = fault;
    this.#socket.destroy();
    for (const waiting of this.#waiting.splice(0)) {
      clearTimeout(waiting.timer);
      waiting.reject(fault);
    }
    this.#gone();
  }

  #reply(timeout: number, most = maxWaiting): Promise<HopReply> {
    if (this.#fault !== undefined || this.#waiting.length >= most) {
      return Promise.reject(this.#fault ?? new HopFault(`Cannot ask ${this.#name}: too many commands wait`));
    }
    return new Promise((resolve, reject) => {
      const late = (): void => {
        this.#fail(new HopFault(`No answer from ${this.#name} in ${timeout} ms`));
      };
      this.#waiting.push({ resolve, reject, timer: setTimeout(late, timeout) });
    });
  }

  /** Waits for the answer to what was written (the greeting, the final dot). @throws HopFault */
  answer(timeout: number): Promise<HopReply> {
    return this.#reply(timeout);
  }

  /** The same for so many answers: those of LMTP to the final dot. @throws HopFault */
  answers(count: number, timeout: number): Promise<HopReply[]> {
    return Promise.all(Array.from({ length: count }, () => this.#reply(timeout, count)));
  }

  /** Sends a line and waits for its reply. @throws HopFault */
  command(line: string, timeout: number): Promise<HopReply> {
    const reply = this.#reply(timeout);
    this.#send(`${line}\r\n`);
    return reply;
  }

  /** Sends lines together (PIPELINING); a promise for each reply. */
  commands(lines: readonly string[], timeout: number): Promise<HopReply>[] {
    const replies = lines.map(() => this.#reply(timeout));
    this.#send(lines.map((line) => `${line}\r\n`).join(""));
    return replies;
  }

  /** Message bytes; false when the socket's buffer is full. */
  write(chunk: Buffer): boolean {
    return this.#fault !== undefined || this.#send(chunk);
  }

  #send(data: string | Buffer): boolean {
    sendAtEndOfTurn(this.#socket);
    return this.#socket.write(data, "latin1");
  }

  /** Resolves when the buffer is empty, or the connection gone; after `timeout` ms it is given up. */
  async drained(timeout: number): Promise<void> {
    if (!this.alive || !this.#socket.writableNeedDrain) {
      return;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#fail(new HopFault(`${this.#name} took no data for ${timeout} ms`));
        done();
      }, timeout);
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
  }

  /** Says QUIT without waiting, and closes. */
  quit(): void {
    if (this.alive) {
      this.#fault = new HopFault(`Closed ${this.#name}`);
      this.#socket.end("QUIT\r\n");
      // A hop that never closes its side must not hold the descriptor.
      setTimeout(() => this.#socket.destroy(), 2000).unref();
      this.#gone();
    }
  }

  #gone(): void {
    this.onGone?.();
    this.onClosed?.();
  }

  /** Cuts the connection: nothing more reaches the hop, above all no final dot. */
  destroy(): void {
    this.#fail(new HopFault(`Closed ${this.#name}`));
  }
}
