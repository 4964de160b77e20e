/**
 * A next hop's bytes to replies. Bounded: a hop that sends garbage ends the connection, not the relay. RFC 5321 4.2.
 */
import { replyOfLines } from "../../mail/reply.ts";
import type { Reply } from "../../mail/reply.ts";

/** A reply of the hop with all its lines' texts (EHLO needs them). */
export interface HopReply {
  readonly reply: Reply;
  readonly lines: readonly string[];
}

/** More than any server says; then it is not a reply any more. */
const maxLine = 4096;
const maxLines = 128;

export class ReplyReader {
  #text = "";
  #lines: string[] = [];
  #code = "";

  /**
   * Takes the next bytes; the replies that they complete, one by one: what came before an error counts.
   * @throws SyntaxError if the bytes are not an SMTP reply
   */
  *push(chunk: Buffer): Generator<HopReply, void> {
    let text = this.#text + chunk.toString("latin1");
    this.#text = "";
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, text[end - 1] === "\r" ? end - 1 : end);
      text = text.slice(end + 1);
      const reply = this.#line(line);
      if (reply !== undefined) {
        yield reply;
      }
    }
    if (text.length > maxLine) {
      throw new SyntaxError("Cannot read the reply: line too long");
    }
    this.#text = text;
  }

  #line(line: string): HopReply | undefined {
    const match = /^([2-5]\d\d)([ -]|$)(.*)$/s.exec(line);
    const code = match?.[1] ?? "";
    if (
      match === null ||
      (this.#code !== "" && this.#code !== code) ||
      this.#lines.length >= maxLines ||
      line.length > maxLine
    ) {
      throw new SyntaxError(`Cannot read the reply: ${JSON.stringify(line.slice(0, 80))}`);
    }
    this.#lines.push(match[3] ?? "");
    if (match[2] === "-") {
      this.#code = code;
      return undefined;
    }
    const lines = this.#lines;
    this.#lines = [];
    this.#code = "";
    return { reply: replyOfLines(Number(code), lines), lines };
  }
}
