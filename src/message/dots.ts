/** Between the wire form of a message and its content: stuffed dots, and the line endings of what a check adds. RFC 5321 4.5.2. */

const CR = 13;
const LF = 10;
const DOT = 46;

/** Takes the stuffed dots out of wire bytes, in any segmentation that does not split CRLF. */
export class Unstuffer {
  #lineStart = true;

  /** Pieces without a stuffed dot are handed on, not copied. */
  push(wire: Buffer): Buffer {
    if (wire.length === 0) {
      return wire;
    }
    const first = this.#lineStart && wire[0] === DOT ? 1 : 0;
    this.#lineStart = wire[wire.length - 1] === LF;
    let at = wire.indexOf("\n.", first, "latin1");
    if (at < 0) {
      return wire.subarray(first);
    }
    const pieces: Buffer[] = [];
    let from = first;
    for (; at >= 0; at = wire.indexOf("\n.", from, "latin1")) {
      pieces.push(wire.subarray(from, at + 1));
      from = at + 2;
    }
    pieces.push(wire.subarray(from));
    return Buffer.concat(pieces);
  }
}

/** The content of a short wire text. */
export function unstuffText(wire: string): string {
  return wire.startsWith(".") || wire.includes("\n.") ? wire.replaceAll(/^\./gm, "") : wire;
}

/** A short text of complete lines in wire form. */
export function stuffText(content: string): string {
  return content.startsWith(".") || content.includes("\n.") ? content.replaceAll(/^\./gm, "..") : content;
}

/**
 * Makes wire bytes of content, of a check's or of chunks': dots are stuffed, every line ends in CRLF, NUL goes. Nothing in
 * it can so end a message or smuggle a second one.
 */
export class WireWriter {
  #lineStart = true;
  #afterCr = false;

  push(content: Buffer): Buffer {
    const out = Buffer.allocUnsafe(content.length * 2 + 1);
    let at = 0;
    for (const byte of content) {
      if (byte === LF && this.#afterCr) {
        this.#afterCr = false;
      } else if (byte === CR || byte === LF) {
        out[at++] = CR;
        out[at++] = LF;
        this.#lineStart = true;
        this.#afterCr = byte === CR;
      } else if (byte !== 0) {
        if (this.#lineStart && byte === DOT) {
          out[at++] = DOT;
        }
        out[at++] = byte;
        this.#lineStart = false;
        this.#afterCr = false;
      }
    }
    return out.subarray(0, at);
  }

  /**
   * The same, quicker, for content without NUL of which every line ends in CRLF, none of them split: it is copied only
   * where a dot is stuffed.
   */
  pushClean(content: Buffer): Buffer {
    if (content.length === 0) {
      return content;
    }
    const isDotted = this.#lineStart && content[0] === DOT;
    this.#lineStart = content[content.length - 1] === LF;
    this.#afterCr = false;
    let next = isDotted ? 0 : content.indexOf("\n.", 0, "latin1") + 1;
    if (!isDotted && next === 0) {
      return content;
    }
    // A line that begins with a dot has three octets at least.
    const out = Buffer.allocUnsafe(content.length + Math.ceil(content.length / 3));
    let [from, at] = [0, 0];
    do {
      at += content.copy(out, at, from, next);
      out[at++] = DOT;
      from = next;
      next = content.indexOf("\n.", from, "latin1") + 1;
    } while (next > 0);
    return out.subarray(0, at + content.copy(out, at, from));
  }

  /** Ends the last line. */
  end(): Buffer {
    return this.#lineStart ? Buffer.alloc(0) : Buffer.from("\r\n");
  }
}

/** Wire bytes of a content that is complete. */
export function toWire(content: Buffer): Buffer {
  const writer = new WireWriter();
  return Buffer.concat([writer.push(content), writer.end()]);
}
