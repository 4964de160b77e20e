/** A next hop's bytes to replies. Bounded: a hop that lies or speaks garbage ends the connection, not us. RFC 5321 4.2. */
import { parseReply } from "../mail/reply.ts";
import type { Reply } from "../mail/reply.ts";

/** A reply of the hop with all its lines' texts (EHLO needs them). */
export interface HopReply {
  readonly reply: Reply;
  readonly lines: readonly string[];
}

/** More than any server says; then it is no reply any more. */
const maxLine = 4096;
const maxLines = 128;

export class ReplyReader {
  #text = "";
  #lines: string[] = [];
  #code = "";

  /**
   * Takes the next bytes; the replies that they complete.
   * @throws SyntaxError where the bytes are no SMTP reply
   */
  push(chunk: Buffer): HopReply[] {
    this.#text += chunk.toString("latin1");
    const replies: HopReply[] = [];
    let from = 0;
    for (let end = this.#text.indexOf("\n"); end >= 0; end = this.#text.indexOf("\n", from)) {
      const line = this.#text.slice(from, this.#text[end - 1] === "\r" ? end - 1 : end);
      from = end + 1;
      const reply = this.#line(line);
      if (reply !== undefined) {
        replies.push(reply);
      }
    }
    this.#text = this.#text.slice(from);
    if (this.#text.length > maxLine) {
      throw new SyntaxError("Cannot read the reply: line too long");
    }
    return replies;
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
    // The client is told the last line: the one that says why.
    const reply = parseReply(`${code} ${lines.at(-1) ?? ""}`);
    return reply === undefined ? undefined : { reply, lines };
  }
}
