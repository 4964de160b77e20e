/** smtp-server's stream with the relay's own readers in it: commands by line, messages as wire bytes. */
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

import { readAtEndOfTurn } from "../../mail/end-of-turn.ts";

/** RFC 4954 4: a response line of AUTH may have 12288 octets; no other command comes near. */
const maxCommandLength = 12_288;
/** Octets that become text at a time: whoever keeps a word of a text keeps all of it. */
const textLength = 8192;
/** Lines that are answered one behind the other; then others have their turn. */
const mostAtOnce = 100;

/**
 * Takes a command line, one character an octet, without its ending; one that ended in LF alone keeps that. `next` must
 * be called for the line behind it.
 */
export type LineSink = (line: string, next: () => void) => void;

/** Takes a message's bytes. `done` must be called once with what came behind the final dot, if it came. */
export type MessageSink = (chunk: Buffer, done: (rest?: Buffer) => void) => void;

type Done = (error?: Error | null) => void;

const CR = 13;
const notText = /^[\x00-\x08\x0e-\x1f\x80-\xff]/;
const nobody = (): void => undefined;
const nothing: Buffer = Buffer.alloc(0);

/** @param chunk a text has one character an octet */
function octetsOf(chunk: Buffer | string): Buffer {
  return typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk;
}

export class Parser extends SMTPStream {
  #onLine: LineSink;
  #sink: MessageSink | undefined;
  /** What is read now, its part that is text up to `#end`, and where the next line begins in that text. */
  #chunk: Buffer | string = nothing;
  #end = 0;
  #text = "";
  #at = 0;
  #done: Done = nobody;
  #isReading = false;
  #goesOn = false;
  readonly #next = (): void => this.#read();
  /** What waits for the end of the turn. */
  #held: Buffer | string | undefined;
  /** A chunk is being read of which the stream has not heard. */
  #isAhead = false;
  /** What came of reading it, if it failed. */
  #fault: Error | undefined;
  /** What the stream waits for, once it has heard of it. */
  #streamsDone: Done | undefined;
  readonly #settle = (fault?: Error | null): void => {
    const done = this.#streamsDone;
    this.#streamsDone = undefined;
    if (done === undefined) {
      this.#isAhead = false;
      this.#fault = fault ?? undefined;
    } else {
      done(fault);
    }
  };

  constructor(onLine: LineSink) {
    super({ maxCommandLength });
    this.#onLine = onLine;
  }

  /** Nobody waits for anything of it any more. What refers to it then does not keep the session in memory. */
  forget(): void {
    this.#onLine = nobody;
    this.removeAllListeners().on("error", nobody);
  }

  /** From the next byte on, everything goes to the sink, until it hands back a rest. */
  startMessage(sink: MessageSink): void {
    this._dataMode = true;
    this.#sink = sink;
  }

  /** Whether a line has begun that is not ended: a client that talks before the greeting, for example. */
  get hasPartialLine(): boolean {
    return this._remainder.length > 0 || this.#held !== undefined;
  }

  /**
   * Commands are read when the turn ends, and the stream hears only of those that have to wait for their answer: it
   * then holds back what comes behind them, and costs more than most of them.
   */
  override write(chunk: Buffer | string, encoding?: BufferEncoding | Done, callback?: Done): boolean {
    const isFromSocket = typeof chunk !== "string" && encoding === undefined;
    if (isFromSocket && this.#isFree()) {
      this.#hold(chunk);
      return true;
    }
    this.read();
    return typeof encoding === "string" ? super.write(chunk, encoding, callback) : super.write(chunk, encoding);
  }

  /**
   * Takes octets out of a buffer that is used again for the next ones: commands become text at once, and only of the rest
   * a copy is made. @returns false: no more before "drain"
   */
  receive(buffer: Buffer, length: number): boolean {
    if (length <= textLength && this.#isFree()) {
      this.#hold(buffer.toString("latin1", 0, length));
      return true;
    }
    return this.write(Buffer.from(buffer.subarray(0, length)));
  }

  /** Nothing is being read, or waits: what comes next is a command that can be read when the turn ends. */
  #isFree(): boolean {
    return !this._dataMode && this.#held === undefined && this.writableLength === 0 && this.writable;
  }

  #hold(chunk: Buffer | string): void {
    this.#held = chunk;
    readAtEndOfTurn(this);
  }

  /** Reads what waits for the end of the turn. */
  read(): void {
    const chunk = this.#readAhead();
    if (chunk !== undefined && (this.#isAhead || this.#fault !== undefined)) {
      super.write(octetsOf(chunk));
    }
  }

  #readAhead(): Buffer | string | undefined {
    const chunk = this.#held;
    this.#held = undefined;
    if (chunk !== undefined) {
      this.#isAhead = true;
      this.#begin(chunk, this.#settle);
    }
    return chunk;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding | "buffer", done: Done): void {
    if (this.#isAhead || this.#fault !== undefined) {
      this.#awaitAhead(done);
    } else {
      this.#begin(chunk, done);
    }
  }

  override _final(done: Done): void {
    this.#readAhead();
    this.#awaitAhead(done);
  }

  #awaitAhead(done: Done): void {
    if (this.#isAhead) {
      this.#isAhead = false;
      this.#streamsDone = done;
    } else {
      const fault = this.#fault;
      this.#fault = undefined;
      done(fault);
    }
  }

  #begin(chunk: Buffer | string, done: Done): void {
    if (this._dataMode) {
      this._feedDataStream(octetsOf(chunk), done);
      return;
    }
    this.#chunk = chunk;
    this.#end = 0;
    this.#done = done;
    this.#readText();
    this.#read();
  }

  #readText(): void {
    const from = this.#end;
    this.#end = Math.min(from + textLength, this.#chunk.length);
    const chunk = this.#chunk;
    this.#text = this._remainder + (typeof chunk === "string" ? chunk : chunk.toString("latin1", from, this.#end));
    this.#at = 0;
    this._remainder = "";
  }

  /** Reads on. A line that is answered at once asks for the next one from within: that is a loop, not a recursion. */
  #read(): void {
    this.#goesOn = true;
    if (this.#isReading) {
      return;
    }
    this.#isReading = true;
    try {
      for (let lines = 0; this.#goesOn && lines < mostAtOnce; lines++) {
        this.#goesOn = false;
        this.#readLine();
      }
    } finally {
      this.#isReading = false;
    }
    if (this.#goesOn) {
      setImmediate(this.#next);
    }
  }

  #readLine(): void {
    if (this.isClosed) {
      this.#finish();
    } else if (this._dataMode) {
      this._feedDataStream(octetsOf(this.#chunk).subarray(this.#end - (this.#text.length - this.#at)), this.#done);
    } else {
      const from = this.#at;
      const feed = this.#text.indexOf("\n", from);
      if (feed < 0) {
        this.#keepRest();
        return;
      }
      const isBare = this.#text.charCodeAt(feed - 1) !== CR;
      const end = isBare ? feed : feed - 1;
      if (end - from > maxCommandLength) {
        this.#finish(this._commandTooLong());
        return;
      }
      this.#at = feed + 1;
      this.#onLine(this.#text.slice(from, isBare ? feed + 1 : end), this.#next);
    }
  }

  /** No line ends in the text any more. */
  #keepRest(): void {
    this._remainder = this.#text.slice(this.#at);
    if (this._remainder.length > maxCommandLength) {
      this.#finish(this._commandTooLong());
    } else if (this.#end < this.#chunk.length) {
      this.#readText();
      this.#goesOn = true;
    } else {
      this.#takeHandshake();
      this.#finish();
    }
  }

  /** A TLS handshake need not hold a line feed: it would wait for its answer until the idle time is over. */
  #takeHandshake(): void {
    if (this._remainder !== "" && notText.test(this._remainder)) {
      const line = this._remainder;
      this._remainder = "";
      this.#onLine(line, nobody);
    }
  }

  #finish(error?: Error): void {
    const done = this.#done;
    this.#chunk = nothing;
    this.#text = "";
    this.#done = nobody;
    done(error);
  }

  override _feedDataStream(chunk: Buffer, done: Done): void {
    const sink = this.#sink;
    if (sink === undefined) {
      done();
      return;
    }
    sink(chunk, (rest) => {
      if (rest === undefined) {
        done();
        return;
      }
      this._dataMode = false;
      this._remainder = "";
      this.#sink = undefined;
      this.#begin(rest, done);
    });
  }

  /** Half a command at the end of the stream is not a command. */
  override _flushData(): void {}
}
