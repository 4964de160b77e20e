/** A message taken apart by a reader of the tests' own: what it is without the fields that a check may change. */

/** Fields with their continuation lines, without the last line ending, and what is behind the empty line. */
export interface Split {
  readonly fields: readonly string[];
  readonly body: string;
}

/** A line that is no field stays a line of the section. */
export function splitMessage(content: string): Split {
  const at = content.startsWith("\r\n") ? 0 : content.indexOf("\r\n\r\n") + 2;
  const end = at === 1 ? content.length : at;
  return {
    fields: content
      .slice(0, end)
      .split(/\r\n(?![ \t])/)
      .filter((line) => line !== ""),
    body: content.slice(end + 2),
  };
}

/** Without the fields whose name fits. */
export function withoutFields(content: string, owned: RegExp): Split {
  const { fields, body } = splitMessage(content);
  return { fields: fields.filter((line) => !owned.test(/^([^:\s]+)[ \t]*:/.exec(line)?.[1] ?? "")), body };
}

/** But for the relay's own Received field, the first one. */
export function belowTrace(message: Buffer): string {
  return message.toString("latin1").replace(/^Received: (?:[^\r\n]*\r\n[ \t])*[^\r\n]*\r\n/m, "");
}
