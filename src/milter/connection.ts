/** A connection to a milter: packets there and back, each wait with its deadline, what comes unasked bounded. */
import { connect } from "node:net";
import type { Socket } from "node:net";

import type { ServicePlace } from "../scanners/service-connection.ts";
import { PacketReader } from "./packet.ts";
import type { Packet } from "./packet.ts";

/** Bytes that may wait to be looked at before the socket is not read any more. */
const most = 2_097_152;

export class MilterConnection {
  readonly #socket: Socket;
  readonly #reader = new PacketReader();
  #packets: Packet[] = [];
  #waiting = 0;
  #fault: Error | undefined;
  /** Somebody waits for a packet, for room to write or for the connection. */
  #wake: (() => void) | undefined;

  /** Begins to connect; {@link opened} comes next. */
  constructor(place: ServicePlace) {
    this.#socket = connect({ ...place, noDelay: true });
    this.#socket
      .on("connect", () => this.#wake?.())
      .on("drain", () => this.#wake?.())
      .on("data", (chunk: Buffer) => this.#take(chunk))
      .on("error", (error) => this.#fail(error))
      .on("end", () => this.#fail(new Error("it closed the connection")))
      .on("close", () => this.#fail(new Error("it closed the connection")));
  }

  /** Resolves when it is there. @param timeout ms @throws the error of the connection */
  async opened(timeout: number): Promise<void> {
    await this.#until(() => !this.#socket.connecting && this.#fault === undefined, timeout, "no connection");
  }

  /** Whether it can still be used. */
  get isOpen(): boolean {
    return this.#fault === undefined;
  }

  /** Sends packets, after which answers are awaited. @throws Error if there is one that nobody has asked for */
  ask(...packets: readonly Buffer[]): void {
    if (this.#packets.length > 0) {
      throw new Error(`unasked answer ${JSON.stringify(this.#packets[0]?.letter)}`);
    }
    this.tell(...packets);
  }

  /** Sends packets. @throws the error of a broken connection */
  tell(...packets: readonly Buffer[]): void {
    if (this.#fault !== undefined) {
      throw this.#fault;
    }
    this.#socket.cork();
    packets.forEach((packet) => this.#socket.write(packet));
    this.#socket.uncork();
  }

  /** Resolves when it takes more. @param timeout ms */
  async drained(timeout: number): Promise<void> {
    await this.#until(() => !this.#socket.writableNeedDrain, timeout, "it took no data");
  }

  /** The next packet. @param timeout ms @throws Error if none comes, or the connection is over */
  async next(timeout: number): Promise<Packet> {
    await this.#until(() => this.#packets.length > 0, timeout, "no answer");
    const packet = this.#packets.shift() as Packet;
    this.#waiting -= packet.data.length + 5;
    if (this.#waiting < most) {
      this.#socket.resume();
    }
    return packet;
  }

  /** Says a last word, and ends it. */
  end(last: Buffer): void {
    this.#fault ??= new Error("it is over");
    this.#socket.end(last);
    // A milter that never closes its side would keep the socket.
    setTimeout(() => this.#socket.destroy(), 1000).unref();
    this.#wake?.();
  }

  /** Cuts it: nobody wants to know any more, or nothing useful can come. */
  cut(why: Error): void {
    this.#fail(why);
  }

  async #until(isTrue: () => boolean, timeout: number, what: string): Promise<void> {
    const late = setTimeout(() => this.#fail(new Error(`${what} in ${timeout} ms`)), timeout);
    try {
      // What was said before the connection broke counts.
      while (!isTrue()) {
        if (this.#fault !== undefined) {
          throw this.#fault;
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    } finally {
      clearTimeout(late);
      this.#wake = undefined;
    }
  }

  #take(chunk: Buffer): void {
    try {
      for (const packet of this.#reader.take(chunk)) {
        this.#packets.push(packet);
        this.#waiting += packet.data.length + 5;
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#waiting >= most) {
      this.#socket.pause();
    }
    this.#wake?.();
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    this.#socket.destroy();
    this.#wake?.();
  }
}
