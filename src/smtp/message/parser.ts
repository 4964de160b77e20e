/** smtp-server's line reader with the relay's message reader in it: commands by line, messages as wire bytes. */
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

/** RFC 4954 4: a response line of AUTH may have 12288 octets; no other command comes near. */
const maxCommandLength = 12_288;

/** Takes a message's bytes. `done` must be called once with what came behind the final dot, if it came. */
export type MessageSink = (chunk: Buffer, done: (rest?: Buffer) => void) => void;

const LF = Buffer.from("\n");
const bareLine = /(?<!\r)\n/;
const allWhole: readonly boolean[] = [];

type Done = (error?: Error | null) => void;

export class Parser extends SMTPStream {
  #sink: MessageSink | undefined;
  /** Of each line of the chunk under way, whether it ends in LF alone. */
  #bare = allWhole;
  #line = 0;

  constructor() {
    super({ maxCommandLength });
  }

  /** From the next byte on, everything goes to the sink, until it hands back a rest. */
  startMessage(sink: MessageSink): void {
    this._dataMode = true;
    this.#sink = sink;
  }

  /** Whether a line has begun that is not ended: a client that talks before the greeting, for example. */
  get hasPartialLine(): boolean {
    return this._remainder.length > 0;
  }

  /** The next command line, in the order in which they come; one that ended in LF alone keeps that. */
  withEnding(line: Buffer): Buffer {
    return this.#bare[this.#line++] === true ? Buffer.concat([line, LF]) : line;
  }

  #lookForBareLines(chunk: Buffer): void {
    const text = this._remainder.slice(-1) + chunk.toString("latin1");
    this.#bare = bareLine.test(text) ? (text.match(/\r?\n/g) ?? []).map((ending) => ending === "\n") : allWhole;
    this.#line = 0;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding | "buffer", next: Done): void {
    if (!this._dataMode) {
      this.#lookForBareLines(chunk);
    }
    super._write(chunk, encoding, next);
    // A TLS handshake need not hold a line feed: it would wait for its answer until the idle time is over.
    if (!this._dataMode && /^[\x00-\x08\x0e-\x1f\x80-\xff]/.test(this._remainder)) {
      const line = Buffer.from(this._remainder, "latin1");
      this._remainder = "";
      this.oncommand(line, () => undefined);
    }
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
      this._write(rest, "buffer", done);
    });
  }
}
