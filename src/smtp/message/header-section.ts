/** Collects the header section of a message, in wire form, from its bytes in any segmentation that does not split CRLF. */

/** How much of it the checks see. */
const limit = 262_144;

export class HeaderSection {
  /** One character per octet; complete when {@link open} is false. */
  text = "";
  /** The empty line was not seen yet. */
  open = true;
  /** It goes beyond what is kept of it. */
  cut = false;
  /** The last three characters, and whether there were any: its end may lie across chunks. */
  #tail = "";
  #begun = false;

  /** How many of these bytes belong to it. */
  push(body: Buffer): number {
    const text = body.toString("latin1", 0, Math.min(body.length, limit - this.text.length));
    // Only the new bytes and three before them are searched: one byte a packet must not cost the square of it.
    const seam = `${this.#begun ? this.#tail : "\r\n"}${text}`;
    const end = seam.indexOf("\r\n\r\n");
    const within = end < 0 ? text.length : Math.max(0, end + 2 - (seam.length - text.length));
    this.text += within === text.length ? text : text.slice(0, within);
    this.#tail = seam.slice(-3);
    this.#begun ||= text.length > 0;
    this.cut = end < 0 && this.text.length >= limit;
    this.open = end < 0 && !this.cut;
    return within;
  }
}
