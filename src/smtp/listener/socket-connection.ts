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

export abstract class SocketConnection extends SMTPConnection {
  declare _parser: Parser | false;
  #lingersSince = 0;
  /** The client will send nothing more. */
  protected hasSaidQuit = false;

  /** `[smtp] idle_timeout`, in ms. */
  protected abstract get idleTime(): number;
  /** The last reply of the session is made. */
  protected abstract get over(): boolean;

  override _setListeners(callback: () => void): void {
    const socket = this._socket;
    socket.on("close", () => this._onClose());
    socket.on("error", (error) => this._onError(error));
    socket.on("end", () => this.#readEnd());
    const take = (buffer: Buffer, length: number): boolean =>
      this.#read(socket, (parser) => parser.receive(buffer, length));
    if (!readIntoOneBuffer(socket, take)) {
      socket.on("data", (chunk) => void (this.#read(socket, (parser) => parser.write(chunk)) || socket.pause()));
    }
    if (socket.readableEnded) {
      // A proxy has sent its header and FIN.
      process.nextTick(() => this.#readEnd());
    }
    socket.resume();
    callback();
  }

  /** What comes when the session is over is thrown away. @returns false: no more until the parser has read this */
  #read(socket: Socket, take: (parser: Parser) => boolean): boolean {
    const parser = this.#reader;
    const goesOn = parser === undefined || this._upgrading || this._socket !== socket || take(parser);
    if (!goesOn) {
      // STARTTLS puts another parser in its place.
      parser.once("drain", () => this._parser === parser && socket.resume());
    }
    return goesOn;
  }

  get #reader(): Parser | undefined {
    const parser = this._parser;
    return this.over || parser === false || parser.isClosed || parser.destroyed ? undefined : parser;
  }

  #readEnd(): void {
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
    if (this.hasSaidQuit && !this.secure && socket.writableLength === 0) {
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
      this._parser = false;
    }
    this._closed = true;
    this._closing = false;
  }
}
