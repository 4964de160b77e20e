/**
 * Keeps the first line of a message apart from the header lines that the relay puts in front of it. RFC 5322 2.1, 2.2.3.
 *
 * A line that begins with a blank would continue the last of those lines, and that may be a trace field that others
 * trust. It gets an empty line in front, which ends the header, and so does any line that is not a header field. An mbox
 * separator (`From `, `>From `) becomes the field X-Mailbox-Line, so that the fields behind it stay fields. Postfix does
 * the same.
 */

const CR = 13;
const LF = 10;
const DOT = 46;
const emptyLine = Buffer.from("\r\n");
const mailboxLine = Buffer.from("X-Mailbox-Line: ");
const nothing: Buffer = Buffer.alloc(0);
/** RFC 5322 2.1.1: a line has at most 998 octets, so the colon of a field comes before that. */
const maxName = 998;

/** What a line is; undefined: more of it must be seen. */
type Kind = "separator" | "apart" | "field" | undefined;

export class FirstLine {
  #held: Buffer = nothing;
  #within = false;
  #passed = false;

  /** Takes wire bytes of the message, line endings never split; returns those that may go on. */
  push(chunk: Buffer): Buffer {
    if (this.#passed || chunk.length === 0) {
      return chunk;
    }
    const out: Buffer[] = [];
    let data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = nothing;
    while (data.length > 0 && !this.#passed) {
      if (this.#within) {
        const end = data.indexOf(LF) + 1;
        this.#within = end === 0;
        out.push(data.subarray(0, end || data.length));
        data = data.subarray(end || data.length);
        continue;
      }
      const kind = kindOf(data);
      if (kind === undefined) {
        this.#held = data;
        data = nothing;
      } else if (kind === "separator") {
        this.#within = true;
        out.push(mailboxLine);
        data = data.subarray(data[0] === DOT ? 1 : 0);
      } else {
        this.#passed = true;
        out.push(...(kind === "apart" ? [emptyLine] : []), data);
      }
    }
    const [only = nothing, ...more] = out;
    // As a rule there is nothing to put together: the chunk goes on as it came.
    return more.length === 0 ? only : Buffer.concat(out);
  }
}

/** A stuffed dot is not part of the line: the next hop sees a tab first if the wire has ".\t". */
function kindOf(data: Buffer): Kind {
  const from = data[0] === DOT ? 1 : 0;
  const end = data.indexOf(CR, from);
  const line = data.toString("latin1", from, Math.min(end < 0 ? data.length : end, from + maxName));
  if (line === "" && from === 0) {
    // An empty line stands apart by itself.
    return "field";
  }
  if (/^>*From /.test(line)) {
    return "separator";
  }
  if (/^[\x21-\x39\x3b-\x7e]+[ \t]*:/.test(line)) {
    return "field";
  }
  const open = end < 0 && line.length < maxName;
  return open && /^(?:[\x21-\x39\x3b-\x7e]+[ \t]*)?$/.test(line) ? undefined : "apart";
}
