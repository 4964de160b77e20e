/** The receiving end of an SMTP stream, byte exact: lines, message content, and the un-stuffing of dots. RFC 5321 4.5.2. */
import type { Duplex } from "node:stream";

/** More unread bytes than this end the connection. */
const maxUnread = 64 * 1024 * 1024;
const terminator = Buffer.from("\r\n.\r\n");

/** Reads from a stream that may be swapped for a TLS one. All reading ends with undefined if the peer does. */
export class Wire {
  #stream: Duplex;
  #unread: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#listen(stream);
  }

  /** The stream to write to. */
  get stream(): Duplex {
    return this.#stream;
  }

  /** Bytes that came and were not read yet. */
  get unread(): number {
    return this.#unread.length;
  }

  #listen(stream: Duplex): void {
    const end = (): void => {
      if (stream === this.#stream) {
        this.#ended = true;
        this.#wake();
      }
    };
    stream.on("data", this.#take).on("end", end).on("close", end).on("error", end);
  }

  readonly #take = (chunk: Buffer): void => {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    if (this.#unread.length > maxUnread) {
      this.#stream.destroy();
    }
    this.#wake();
  };

  /** Stops listening to the plain stream, so that TLS can have it. Unread bytes are forgotten. */
  release(): void {
    this.#stream.off("data", this.#take).pause();
    this.#unread = Buffer.alloc(0);
  }

  /** Goes on with another stream. */
  swap(stream: Duplex): void {
    this.#stream = stream;
    this.#listen(stream);
  }

  /** Leaves the peer's bytes in the kernel from now on. */
  stopReading(): void {
    this.#stream.pause();
  }

  /** Waits for bytes or the end. False: the end. */
  async more(): Promise<boolean> {
    if (!this.#ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return !this.#ended;
  }

  /** Resolves when the peer has gone. */
  async gone(): Promise<void> {
    while (await this.more()) {
      // Its bytes are of no interest.
    }
  }

  /** One line with its line ending, in latin1. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#unread.indexOf(10);
      if (end >= 0) {
        const line = this.#unread.toString("latin1", 0, end + 1);
        this.#unread = this.#unread.subarray(end + 1);
        return line;
      }
      // The last bytes and the end may come together.
      if (!(await this.more()) && !this.#unread.includes(10)) {
        return undefined;
      }
    }
  }

  /**
   * Message content up to and with the final dot, as it was sent.
   * @param seen told the count of bytes so far; stops the reading by returning true
   */
  async content(seen: (bytes: number) => boolean): Promise<{ raw: Buffer; whole: boolean }> {
    // A content that begins with the final dot is empty: the line ending before it is that of DATA.
    const chunks: Buffer[] = [Buffer.from("\r\n")];
    let size = 2;
    let tail: Buffer = Buffer.from("\r\n");
    for (;;) {
      const chunk = this.#unread;
      const joined = Buffer.concat([tail, chunk]);
      const at = joined.indexOf(terminator);
      const used = at < 0 ? chunk.length : at + terminator.length - tail.length;
      this.#unread = chunk.subarray(used);
      chunks.push(chunk.subarray(0, used));
      size += used;
      tail = joined.subarray(Math.max(0, joined.length - terminator.length + 1));
      const raw = (): Buffer => Buffer.concat(chunks, size).subarray(2);
      if (at >= 0) {
        return { raw: raw(), whole: true };
      }
      if (seen(size - 2) || (!(await this.more()) && this.#unread.length === 0)) {
        return { raw: raw(), whole: false };
      }
    }
  }
}

/** The message of a content on the wire: without the final dot, dots un-stuffed. */
export function unstuff(raw: Buffer): Buffer {
  const text = `\r\n${raw.toString("latin1", 0, raw.length - 3)}`;
  return Buffer.from(text.replaceAll("\r\n.", "\r\n").slice(2), "latin1");
}
