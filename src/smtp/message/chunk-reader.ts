/**
 * Makes wire form of a message that comes in chunks (BDAT, RFC 3030): chunks have neither stuffed dots nor a final one, and
 * may divide anything, a CRLF too. Their line endings are treated as those of DATA: dot-reader.ts.
 */
import { WireWriter } from "../../message/dots.ts";
import { isClean } from "../../message/line-endings.ts";
import type { Piece } from "./dot-reader.ts";

const nothing: Buffer = Buffer.alloc(0);
const CR = 13;

export class ChunkReader {
  /** A bare CR, LF or NUL was seen (and not normalised). */
  defect = false;
  readonly #normalise: boolean;
  readonly #writer = new WireWriter();
  /** A CR whose LF may come with the next piece. */
  #held = nothing;

  constructor(normalise: boolean) {
    this.#normalise = normalise;
  }

  /** Takes the next octets in any segmentation. They never end the message: {@link end} does. */
  push(chunk: Buffer): Piece {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const end = data[data.length - 1] === CR ? data.length - 1 : data.length;
    this.#held = data.subarray(end);
    return { body: this.#toWire(data.subarray(0, end)), rest: undefined };
  }

  /** The message is complete: its last line ends, if it has not. */
  end(): Buffer {
    const held = this.#toWire(this.#held);
    this.#held = nothing;
    return Buffer.concat([held, this.#writer.end()]);
  }

  #toWire(data: Buffer): Buffer {
    if (isClean(data)) {
      return this.#writer.pushClean(data);
    }
    this.defect ||= !this.#normalise;
    // What is refused goes nowhere.
    return this.defect ? data : this.#writer.push(data);
  }
}
