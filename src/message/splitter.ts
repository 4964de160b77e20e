/** Where the header section of a message ends and its body begins, in content without dot-stuffing. RFC 5322 2.1. */

const emptyLine = Buffer.from("\r\n\r\n");

/**
 * Where the empty line begins in the next octets: behind so many of them. Negative: before them. Undefined: not yet.
 * @param tail the three octets before them; the line ending that is before a message is among those
 */
export function emptyLineIn(tail: string, next: Buffer): number | undefined {
  const across = (tail + next.toString("latin1", 0, 3)).indexOf("\r\n\r\n");
  if (across >= 0) {
    return across + 2 - tail.length;
  }
  const at = next.indexOf(emptyLine);
  return at < 0 ? undefined : at + 2;
}

export class MessageSplitter {
  /** With the line ending of its last field, one character per octet; complete when {@link open} is false. */
  header = "";
  /** The empty line was not seen yet. */
  open = true;
  /** A message may begin with the empty line. */
  #tail = "\r\n";

  /** Takes the next piece, and gives what of it belongs to the body. */
  push(piece: Buffer): Buffer {
    if (!this.open) {
      return piece;
    }
    const end = emptyLineIn(this.#tail, piece);
    // Only what is new is looked at: a header section may come octet by octet.
    const text = piece.toString("latin1", 0, Math.max(0, end ?? piece.length));
    this.header += text;
    if (end === undefined) {
      this.#tail = (this.#tail + text.slice(-3)).slice(-3);
      return piece.subarray(piece.length);
    }
    this.open = false;
    this.header = end < 0 ? this.header.slice(0, end) : this.header;
    return piece.subarray(end + 2);
  }
}

/** The header section alone; nothing behind it is read. */
export async function headerSectionOf(content: AsyncIterable<Buffer>): Promise<string> {
  const splitter = new MessageSplitter();
  for await (const piece of content) {
    splitter.push(piece);
    if (!splitter.open) {
      break;
    }
  }
  return splitter.header;
}
