/**
 * One question on its way: a server after the other, by UDP from a random port with a random id, by TCP where the
 * response did not fit. An earlier server may still answer while a later one is asked.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import type { Socket as TcpSocket } from "node:net";

import type { Endpoint } from "../mail/network.ts";
import type { DnsAnswer } from "./answer.ts";
import { readResponse, writeQuestion } from "./message.ts";
import type { Question } from "./message.ts";

/** All servers are asked this often. */
const rounds = 2;
/** More servers than this are not asked. */
const mostServers = 3;

/** Asks the servers. Never rejects, and ends within `timeout` ms. */
export function exchange(
  question: Question,
  servers: readonly Endpoint[],
  timeout: number,
): Promise<DnsAnswer<unknown>> {
  return new Promise((resolve) => {
    new Exchange(question, servers.slice(0, mostServers), timeout, resolve).begin();
  });
}

class Exchange {
  readonly #question: Question;
  readonly #servers: readonly Endpoint[];
  readonly #timeout: number;
  readonly #done: (answer: DnsAnswer<unknown>) => void;
  readonly #open = new Set<{ close(): void }>();
  readonly #late: NodeJS.Timeout;
  #step: NodeJS.Timeout | undefined;
  #tries = 0;
  /** Servers that were asked and have not said no yet. */
  #waiting = 0;
  #why = "ETIMEOUT";
  #isOver = false;

  constructor(
    question: Question,
    servers: readonly Endpoint[],
    timeout: number,
    done: (answer: DnsAnswer<unknown>) => void,
  ) {
    this.#question = question;
    this.#servers = servers;
    this.#timeout = timeout;
    this.#done = done;
    this.#late = setTimeout(() => this.#end({ kind: "failed", why: this.#why }), timeout);
  }

  begin(): void {
    this.#next();
  }

  /** Asks the next server; the first answer of any of them counts. */
  #next(): void {
    clearTimeout(this.#step);
    const tries = this.#servers.length * rounds;
    const server = this.#servers[this.#tries % this.#servers.length];
    if (this.#tries >= tries || server === undefined) {
      if (this.#waiting === 0) {
        this.#end({ kind: "failed", why: this.#why });
      }
      return;
    }
    this.#tries++;
    this.#waiting++;
    this.#step = setTimeout(() => this.#next(), this.#timeout / tries);
    this.#overUdp(server, true);
  }

  #overUdp(server: Endpoint, edns: boolean): void {
    const id = randomInt(0x10000);
    const socket = createSocket(isIPv6(server.host) ? "udp6" : "udp4");
    const handle = this.#hold(() => socket.close());
    socket.on("error", (error: NodeJS.ErrnoException) => this.#refused(handle, error.code ?? error.message));
    socket.on("message", (bytes) => {
      if (this.#isOver || !this.#open.has(handle)) {
        return;
      }
      const response = readResponse(bytes, id, this.#question);
      switch (response?.kind) {
        case "answer":
          this.#end(response.answer);
          return;
        case "truncated":
          this.#close(handle);
          this.#overTcp(server);
          return;
        case "no EDNS":
          if (edns) {
            this.#close(handle);
            this.#overUdp(server, false);
          } else {
            this.#refused(handle, "FORMERR");
          }
          return;
        case "refused":
          this.#refused(handle, response.why);
          return;
        // Not a response to this question: the right one may still come.
        case undefined:
      }
    });
    send(socket, server, writeQuestion(id, this.#question, edns));
  }

  #overTcp(server: Endpoint): void {
    const id = randomInt(0x10000);
    const socket = connect(server);
    const handle = this.#hold(() => socket.destroy());
    socket.on("error", (error: NodeJS.ErrnoException) => this.#refused(handle, error.code ?? error.message));
    socket.on("end", () => this.#refused(handle, "EOF"));
    readMessage(socket, (bytes) => {
      const response = readResponse(bytes, id, this.#question);
      if (response?.kind === "answer") {
        this.#end(response.answer);
      } else {
        this.#refused(handle, response?.kind === "refused" ? response.why : "EBADRESP");
      }
    });
    const message = writeQuestion(id, this.#question, true);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  }

  /** This server will not answer: the next one is asked at once. */
  #refused(handle: { close(): void }, why: string): void {
    if (this.#isOver || !this.#open.has(handle)) {
      return;
    }
    this.#close(handle);
    this.#waiting--;
    this.#why = why;
    this.#next();
  }

  #hold(close: () => void): { close(): void } {
    const handle = { close };
    this.#open.add(handle);
    return handle;
  }

  #close(handle: { close(): void }): void {
    this.#open.delete(handle);
    handle.close();
  }

  #end(answer: DnsAnswer<unknown>): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    clearTimeout(this.#late);
    clearTimeout(this.#step);
    for (const handle of this.#open) {
      handle.close();
    }
    this.#done(answer);
  }
}

/** A connected socket hears its server alone, and hears too that nobody listens there. */
function send(socket: UdpSocket, { host, port }: Endpoint, message: Buffer): void {
  socket.once("connect", () => {
    socket.send(message, (error) => {
      if (error !== null) {
        socket.emit("error", error);
      }
    });
  });
  socket.connect(port, host);
}

/** The first message of a connection: its length is in front, in two octets. RFC 1035 4.2.2. */
function readMessage(socket: TcpSocket, take: (bytes: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    if (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      socket.removeAllListeners("data");
      take(pending.subarray(2, 2 + pending.readUInt16BE(0)));
    }
  });
}
