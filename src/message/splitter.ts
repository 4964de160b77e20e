/** Where the header section of a message ends and its body begins, in content without dot-stuffing. RFC 5322 2.1. */

export class MessageSplitter {
  /** With the line ending of its last field, one character per octet; complete when {@link open} is false. */
  header = "";
  /** The empty line was not seen yet. */
  open = true;

  /** Takes the next piece, and gives what of it belongs to the body. */
  push(piece: Buffer): Buffer {
    if (!this.open) {
      return piece;
    }
    const before = this.header.length;
    const text = this.header + piece.toString("latin1");
    // The empty line may be the first one.
    const end = text.startsWith("\r\n") ? 0 : text.indexOf("\r\n\r\n", Math.max(0, before - 3)) + 2;
    if (end < 2 && !text.startsWith("\r\n")) {
      this.header = text;
      return piece.subarray(piece.length);
    }
    this.open = false;
    this.header = text.slice(0, end);
    return piece.subarray(end + 2 - before);
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
