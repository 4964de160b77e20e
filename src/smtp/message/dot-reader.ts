/**
 * Finds the end of a message in the wire's bytes and watches over its line endings. RFC 5321 4.5.2, 2.3.8.
 *
 * The message stays in wire form: a dot-stuffed CRLF message is just what the next hop wants, so nothing is unstuffed
 * here to be stuffed again there. Only CRLF "." CRLF ends a message; a bare CR, LF or NUL, with which messages are
 * smuggled (CVE-2023-51764 and its kin), is a defect or, if so asked, normalised to CRLF.
 */
import { isClean } from "../../message/line-endings.ts";

const terminator = Buffer.from("\r\n.\r\n");
const emptyMessage = Buffer.from(".\r\n");
const nothing = Buffer.alloc(0);
const CR = 13;
const LF = 10;
const DOT = 46;

/** What a chunk came to. */
export interface Piece {
  /** Wire bytes of the message, safe to pass on. */
  readonly body: Buffer;
  /** What came after the final dot; undefined while the message continues. */
  readonly rest: Buffer | undefined;
}

export class DotReader {
  /** A bare CR, LF or NUL was seen (and not normalised). */
  defect = false;
  readonly #normalise: boolean;
  #held: Buffer = nothing;
  #begun = false;
  /** The next byte begins a line; a dot there is stuffed unless a real CRLF came before it. */
  #lineStart = true;
  #genuine = true;
  /**
   * The line is a single dot so far. Without a second one, the line ending that is made of a bare CR would end the
   * message.
   */
  #loneDot = false;

  constructor(normalise: boolean) {
    this.#normalise = normalise;
  }

  /** Takes the next bytes in any segmentation. */
  push(chunk: Buffer): Piece {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = nothing;
    if (!this.#begun) {
      if (data.subarray(0, 3).equals(emptyMessage)) {
        return { body: nothing, rest: data.subarray(3) };
      }
      if (emptyMessage.subarray(0, data.length).equals(data)) {
        this.#held = data;
        return { body: nothing, rest: undefined };
      }
      this.#begun = true;
    }
    const end = data.indexOf(terminator);
    if (end >= 0) {
      return { body: this.#clean(data.subarray(0, end + 2)), rest: data.subarray(end + 5) };
    }
    const keep = heldLength(data);
    this.#held = data.subarray(data.length - keep);
    return { body: this.#clean(data.subarray(0, data.length - keep)), rest: undefined };
  }

  #clean(body: Buffer): Buffer {
    // A clean piece may still begin with a dot behind a line ending that was made here, or end a line that is a dot so
    // far.
    const open = this.#loneDot || (body[0] === DOT && this.#lineStart && !this.#genuine);
    if (!open && isClean(body)) {
      this.#remember(body);
      return body;
    }
    if (this.#normalise) {
      return this.#makeWhole(body);
    }
    this.#remember(body);
    this.defect = true;
    return body;
  }

  #remember(body: Buffer): void {
    if (body.length > 0) {
      this.#lineStart = body[body.length - 1] === LF;
      this.#genuine = true;
    }
  }

  /** Bare CR and LF become CRLF, NUL goes; a dot that thereby begins or fills a line is stuffed. */
  #makeWhole(body: Buffer): Buffer {
    // Each byte becomes two at most; a lone dot of the piece before gets its second one here.
    const out = Buffer.alloc(body.length * 2 + 1);
    let at = 0;
    for (let i = 0; i < body.length; i++) {
      const byte = body[i] ?? 0;
      if (byte === CR || byte === LF) {
        const whole = byte === CR && body[i + 1] === LF;
        i += whole ? 1 : 0;
        if (this.#loneDot) {
          out[at++] = DOT;
        }
        out[at++] = CR;
        out[at++] = LF;
        this.#lineStart = true;
        this.#genuine = whole;
        this.#loneDot = false;
      } else if (byte === 0) {
        this.#genuine = false;
      } else {
        const first = byte === DOT && this.#lineStart;
        if (first && !this.#genuine) {
          out[at++] = DOT;
        }
        out[at++] = byte;
        this.#loneDot = first && this.#genuine;
        this.#lineStart = false;
        this.#genuine = true;
      }
    }
    return out.subarray(0, at);
  }
}

/** How many last bytes may be the beginning of the terminator; so a body never ends between CR and LF. */
function heldLength(data: Buffer): number {
  for (let length = Math.min(4, data.length); length > 0; length--) {
    if (terminator.subarray(0, length).equals(data.subarray(data.length - length))) {
      return length;
    }
  }
  return 0;
}
