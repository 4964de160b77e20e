/** clamd by INSTREAM: the message goes there in pieces while it streams. clamd(8). */
import type { Clean, Found, Transport, TransportScan } from "../hooks/scanner.ts";
import { CannotScan } from "./scan.ts";
import { formatPlace, ServiceConnection } from "./service-connection.ts";
import type { ServicePlace } from "./service-connection.ts";

/** Bytes that are kept back, to have something to send while the client pauses. */
const reserve = 1024;
/** ms. clamd disconnects clients that are silent for CommandReadTimeout, 30 s if the file does not say it. */
const nudgeEvery = 2000;
/** Bytes. */
const longestAnswer = 4096;

/** Without a field at the beginning that it knows, clamd takes a file for text, and decodes no part of it. */
const lead = Buffer.from("Received: by goodmailto\r\n");
const begin = Buffer.concat([Buffer.from("zINSTREAM\0"), lengthOf(lead), lead]);
const end = Buffer.alloc(4);

/** A scanner that uses clamd. */
export function clamd(place: ServicePlace, nudge: number = nudgeEvery): Transport<Clean | Found> {
  return { place: `clamd at ${formatPlace(place)}`, open: () => new ClamdScan(place, nudge) };
}

class ClamdScan implements TransportScan<Clean | Found> {
  readonly #place: ServicePlace;
  readonly #nudgeEvery: number;
  #connection: ServiceConnection | undefined;
  #kept: Buffer = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;

  constructor(place: ServicePlace, nudge: number) {
    this.#place = place;
    this.#nudgeEvery = nudge;
  }

  take(content: Buffer): Promise<void> | undefined {
    if (this.#connection?.hasAnswered === true) {
      throw early(this.#connection);
    }
    if (content.length <= reserve) {
      const all = Buffer.concat([this.#kept, content]);
      const most = Math.max(0, all.length - reserve);
      this.#kept = all.subarray(most);
      return this.#send(all.subarray(0, most));
    }
    const before = this.#kept;
    // A copy: a piece of the whole would keep all of it in memory.
    this.#kept = Buffer.from(content.subarray(content.length - reserve));
    return this.#send(before, content.subarray(0, content.length - reserve));
  }

  async end(): Promise<Clean | Found> {
    const last = this.#kept;
    this.#kept = Buffer.alloc(0);
    const connection = this.#open();
    clearInterval(this.#timer);
    if (connection.hasAnswered) {
      throw early(connection);
    }
    void this.#send(last);
    void connection.write(end);
    try {
      return read(await connection.answer());
    } catch (error) {
      throw connection.isBrokenOff ? early(connection) : error;
    } finally {
      connection.close();
    }
  }

  abandon(): void {
    clearInterval(this.#timer);
    this.#connection?.close();
  }

  /** The connection is opened when there is more than the reserve, and never waits at clamd with nothing to send. */
  #open(): ServiceConnection {
    if (this.#connection === undefined) {
      this.#connection = new ServiceConnection(this.#place, longestAnswer, isWhole);
      void this.#connection.write(begin);
      this.#timer = setInterval(() => this.#nudge(), this.#nudgeEvery).unref();
    }
    return this.#connection;
  }

  #send(...pieces: readonly Buffer[]): Promise<void> | undefined {
    const filled = pieces.filter(({ length }) => length > 0);
    if (filled.length === 0) {
      return undefined;
    }
    const connection = this.#open();
    this.#timer?.refresh();
    return connection.write(...filled.flatMap((piece) => [lengthOf(piece), piece]));
  }

  /** The client pauses: clamd gets one byte of what was kept back. */
  #nudge(): void {
    const [first, rest] = [this.#kept.subarray(0, 1), this.#kept.subarray(1)];
    this.#kept = rest;
    void this.#send(first);
  }
}

/** It has answered, or gone, before it had the whole message. */
function early(connection: ServiceConnection): Error {
  const text = textOf(connection.received);
  if (text !== "") {
    return new CannotScan(`early answer ${JSON.stringify(text)}`);
  }
  // As it does with what is larger than its StreamMaxLength. If it is gone for good, the next message will say so.
  return connection.isBrokenOff
    ? new CannotScan("it closed the connection before it had the message: larger than its StreamMaxLength?")
    : (connection.failure ?? new Error("it closed the connection"));
}

function lengthOf({ length }: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(length);
  return header;
}

/** An answer ends in NUL, one to a command that it could not read in LF. */
function isWhole(answer: Buffer): boolean {
  return answer.includes(0) || answer.includes(10);
}

function textOf(answer: Buffer): string {
  return answer.toString("latin1").split(/[\0\n]/, 1)[0] ?? "";
}

function read(answer: Buffer): Clean | Found {
  const text = textOf(answer);
  if (!isWhole(answer)) {
    throw new Error(text === "" ? "it closed the connection" : `half an answer ${JSON.stringify(text)}`);
  }
  if (text === "stream: OK") {
    return { kind: "clean" };
  }
  const name = /^stream: (.+) FOUND$/s.exec(text)?.[1];
  if (name !== undefined) {
    return { kind: "found", name };
  }
  throw text.endsWith("ERROR") || text.endsWith("TIMED OUT")
    ? new CannotScan(text)
    : new Error(`unexpected answer ${JSON.stringify(text)}`);
}

/** "ClamAV 1.4.6/27000/date", without what it is not sure to have; undefined if there is no answer. */
export async function clamdVersion(place: ServicePlace, timeout: number): Promise<string | undefined> {
  const connection = new ServiceConnection(place, longestAnswer, isWhole);
  const timer = setTimeout(() => connection.close(), timeout);
  try {
    void connection.write(Buffer.from("zVERSION\0"));
    const text = textOf(await connection.answer());
    return /^ClamAV ([^/\s]+)/.exec(text)?.[1];
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}
