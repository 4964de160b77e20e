/**
 * Collects the header section of a message, in wire form, from its bytes in any segmentation that does not split CRLF.
 */
import { emptyLineIn } from "../../message/splitter.ts";

/** How much of it the checks see. */
const limit = 262_144;

export class HeaderSection {
  /** One character per octet; complete when {@link open} is false. */
  text = "";
  /** The empty line was not seen yet. */
  open = true;
  /** It goes beyond what is kept of it. */
  cut = false;
  /** The last characters, at most three: the end may lie across chunks, and a message may begin with the empty line. */
  #tail = "\r\n";

  /** How many of these bytes belong to it. */
  push(body: Buffer): number {
    const bytes = body.subarray(0, limit - this.text.length);
    const end = emptyLineIn(this.#tail, bytes);
    const within = Math.max(0, end ?? bytes.length);
    // Only the header becomes text: a chunk may be mostly body, and a slice of a long text keeps all of it.
    const text = bytes.toString("latin1", 0, within);
    this.text += text;
    this.#tail = (this.#tail + text.slice(-3)).slice(-3);
    this.cut = end === undefined && this.text.length >= limit;
    this.open = end === undefined && !this.cut;
    return within;
  }
}
