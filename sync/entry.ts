/** One object of a directory, whether a server or a file gave it. */

export interface Entry {
  readonly dn: string;
  /** Attribute name in lower case and without options → values. A value that is not UTF-8 is kept byte by byte (Latin-1). */
  readonly attributes: ReadonlyMap<string, readonly string[]>;
  /** The values of attributes with options once more, by name and options in lower case; for filters over files. */
  readonly described?: ReadonlyMap<string, readonly string[]>;
}

/** The values of an attribute; none if the entry lacks it. */
export function valuesOf(entry: Entry, attribute: string): readonly string[] {
  return entry.attributes.get(attribute) ?? [];
}

/** Reads a value from some octets, or a part of them: UTF-8 where it is, else one character a byte, which no address holds. */
export function decodeValue(bytes: Buffer, start = 0, end: number = bytes.length): string {
  const text = bytes.toString("utf8", start, end);
  return text.includes("\uFFFD") && !Buffer.from(text, "utf8").equals(bytes.subarray(start, end))
    ? bytes.toString("latin1", start, end)
    : text;
}
