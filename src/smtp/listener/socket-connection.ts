/**
 * A connection as far as it is a socket: how what is read reaches the parser, and how the connection ends. The library
 * does both with `pipe` and a timer for each socket, at a higher cost than most commands.
 */
import type { Socket } from "node:net";

import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";

import type { Parser } from "../message/parser.ts";
import { readIntoOneBuffer } from "./one-buffer.ts";

/** How long a client may take to close its side after its session, in ms; a shorter idle timeout replaces it. */
const linger = 5000;

/** Where a socket has the connection that it belongs to, until it is closed. */
const owner = Symbol("connection");

interface OwnedSocket extends Socket {
  [owner]?: SocketConnection | undefined;
}

// The listeners are the same for all sockets. A closed socket stays in memory for a while: Node's constructor assigns a
// function to a property of each Writable, and V8 makes such functions old at once, so that they keep their stream from
// the collector of young objects until the next full collection. It must not keep the session.

function closed(this: OwnedSocket): void {
  const connection = this[owner];
  this[owner] = undefined;
  connection?._onClose();
}

function failed(this: OwnedSocket, error: Error): void {
  this[owner]?._onError(error);
}

function ended(this: OwnedSocket): void {
  this[owner]?.readEnd();
}

function takeChunk(this: OwnedSocket, chunk: Buffer): void {
  if (this[owner]?.readChunk(this, chunk) === false) {
    this.pause();
  }
}

function takeFromBuffer(this: OwnedSocket, length: number, buffer: Buffer): boolean {
  return this[owner]?.readBuffer(this, buffer, length) !== false;
}

export abstract class SocketConnection extends SMTPConnection {
  declare _parser: Parser | false;
  #lingersSince = 0;
  /** The client will send nothing more. */
  protected hasSaidQuit = false;

  /** `[smtp] idle_timeout`, in ms. */
  protected abstract get idleTime(): number;
  /** The last reply of the session is made. */
  protected abstract get over(): boolean;
  /** The system has not yet taken all replies. */
  protected abstract get hasUnsent(): boolean;

  override _setListeners(callback: () => void): void {
    const socket: OwnedSocket = this._socket;
    socket[owner] = this;
    socket.on("close", closed);
    socket.on("error", failed);
    socket.on("end", ended);
    if (!readIntoOneBuffer(socket, takeFromBuffer)) {
      socket.on("data", takeChunk);
    }
    if (socket.readableEnded) {
      // A proxy has sent its header and FIN.
      process.nextTick(() => this.readEnd());
    }
    socket.resume();
    callback();
  }

  /** @returns false: no more until the parser has read this */
  readChunk(socket: Socket, chunk: Buffer): boolean {
    const parser = this.#readerOf(socket);
    return parser === undefined || parser.write(chunk) || this.#resumeBehind(parser, socket);
  }

  /** As {@link readChunk}, out of a buffer that is used again. */
  readBuffer(socket: Socket, buffer: Buffer, length: number): boolean {
    const parser = this.#readerOf(socket);
    return parser === undefined || parser.receive(buffer, length) || this.#resumeBehind(parser, socket);
  }

  /** Undefined: what comes is thrown away, as the session is over, or not the client's own any more (STARTTLS). */
  #readerOf(socket: Socket): Parser | undefined {
    return this._upgrading || this._socket !== socket ? undefined : this.#reader;
  }

  #resumeBehind(parser: Parser, socket: Socket): false {
    // STARTTLS puts another parser in its place.
    parser.once("drain", () => this._parser === parser && socket.resume());
    return false;
  }

  get #reader(): Parser | undefined {
    const parser = this._parser;
    return this.over || parser === false || parser.isClosed || parser.destroyed ? undefined : parser;
  }

  /** The client has said its last word. */
  readEnd(): void {
    const parser = this._parser;
    if (parser !== false && !parser.isClosed && !parser.destroyed) {
      parser.end();
    }
  }

  /** The library reads from the TLS socket by itself. */
  override upgrade(...how: Parameters<SMTPConnection["upgrade"]>): void {
    this._socket.pause();
    super.upgrade(...how);
  }

  /**
   * Ends the connection. A client that has said QUIT says no more: its socket is closed at once. Any other one may still
   * be sending, and would lose its reply by that: it has some time to close its side.
   */
  override close(): void {
    const socket = this._socket;
    const parser = this._parser;
    if (this.hasSaidQuit && !this.secure && !this.hasUnsent) {
      socket.destroy();
    } else if (!socket.destroyed && socket.writable) {
      socket.end();
    }
    if (this._closing) {
      return;
    }
    this._closing = true;
    this.#lingersSince = performance.now();
    if (parser !== false) {
      // Of the TLS socket. Nothing that the client sends now can be answered.
      socket.unpipe(parser);
      parser.isClosed = true;
    }
    if (!this._upgrading && !socket.destroyed) {
      // What is not read hides the FIN. A handshake on top of the socket reads itself.
      socket.resume();
    }
  }

  /** Looks whether the client has taken too long to close its side. @param now by performance.now() */
  protected tickClosing(now: number): void {
    if (now - this.#lingersSince > Math.min(linger, this.idleTime)) {
      this._socket.destroy();
    }
  }

  override _onClose(): void {
    const parser = this._parser;
    if (parser !== false) {
      parser.isClosed = true;
      this._socket.unpipe(parser);
      parser.forget();
      this._parser = false;
    }
    this._closed = true;
    this._closing = false;
  }
}
