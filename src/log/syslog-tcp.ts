/** Lines to a syslog server by TCP, each with its length in front: RFC 6587 3.4.1. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

import type { Endpoint } from "../mail/network.ts";
import { textOf } from "./line.ts";
import type { Line } from "./line.ts";
import { lostLine } from "./sink.ts";
import type { Level, Sink } from "./sink.ts";
import { syslogMessage } from "./syslog-line.ts";

/** Bytes that may wait for a server that is unavailable or slow; beyond them lines are counted instead of kept. */
const most = 8_388_608;
/** Times in ms: for a connection, until the next one, for a server that takes nothing, at the end of the process. */
const connectTime = 5000;
const pause = 1000;
const stallTime = 30_000;
const closeTime = 2000;

/** The connection to one server, made again whenever it breaks. */
export class SyslogTcp implements Sink {
  readonly #server: Endpoint;
  readonly #now: () => number;
  #socket: Socket | undefined;
  #isOpen = false;
  /** What waits for a connection. */
  #waiting: Buffer[] = [];
  #bytes = 0;
  #lost = 0;
  #why = "";

  constructor(server: Endpoint, now: () => number) {
    this.#server = server;
    this.#now = now;
    this.#connect();
  }

  write(level: Level, line: Line): void {
    this.#tellLost();
    const message = this.#frame(level, textOf(line));
    if (this.#bytes + (this.#socket?.writableLength ?? 0) + message.length > most) {
      this.#lost += 1;
      this.#why = this.#isOpen ? "server too slow" : this.#why === "" ? "no connection" : this.#why;
    } else if (this.#isOpen) {
      this.#send(message);
    } else {
      this.#waiting.push(message);
      this.#bytes += message.length;
      this.#socket?.ref();
    }
  }

  reopen(): void {}

  async close(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || (this.#bytes === 0 && socket.writableLength === 0)) {
      socket?.destroy();
      return;
    }
    const late = AbortSignal.timeout(closeTime);
    try {
      if (!this.#isOpen) {
        await once(socket, "connect", { signal: late });
      }
      socket.end();
      await once(socket, "finish", { signal: late });
    } catch {
      // The process ends; what the server did not take in time is lost with it.
    }
    socket.destroy();
  }

  #frame(level: Level, line: string): Buffer {
    const message = syslogMessage(level, line, this.#now());
    return Buffer.concat([Buffer.from(`${message.length} `), message]);
  }

  #connect(): void {
    const { host, port } = this.#server;
    const socket = connect({ host, port, timeout: connectTime }).unref();
    this.#socket = socket;
    socket.once("connect", () => {
      this.#isOpen = true;
      socket.setTimeout(stallTime);
      this.#waiting.splice(0).forEach((message) => this.#send(message));
      this.#bytes = 0;
      this.#tellLost();
    });
    // A server that says anything says nothing that is needed.
    socket.resume().on("timeout", () => {
      if (!this.#isOpen || socket.writableLength > 0) {
        socket.destroy(new Error("timeout"));
      }
    });
    socket.on("error", (error: NodeJS.ErrnoException) => (this.#why = error.code ?? error.message));
    socket.once("close", () => this.#closed());
  }

  /** While something is on its way, the process does not end. */
  #send(message: Buffer): void {
    const socket = this.#socket?.ref();
    socket?.write(message, () => void (socket.writableLength === 0 && socket.unref()));
  }

  #closed(): void {
    this.#isOpen = false;
    setTimeout(() => this.#connect(), pause).unref();
  }

  #tellLost(): void {
    if (this.#lost > 0 && this.#isOpen && (this.#socket?.writableLength ?? 0) < most / 2) {
      const text = lostLine(this.#lost, this.#why);
      this.#lost = 0;
      this.#send(this.#frame("warning", text));
    }
  }
}
