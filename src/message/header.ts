/** The fields of a header section, parsed once, when first asked for. RFC 5322 2.2. */
import { decodeText } from "./words.ts";

/** One field. */
export interface HeaderField {
  /** As written; "" for a line that is not a field. */
  readonly name: string;
  /** Unfolded, without blanks around it, one character per octet. */
  readonly value: string;
}

/** A line and its continuation lines. */
const foldedLines = /[^\r\n]*(?:\r\n[ \t][^\r\n]*)*(?:\r\n|$)/y;

/** A header section as lines with their continuations and line endings. */
export function splitFields(section: string): string[] {
  const lines: string[] = [];
  foldedLines.lastIndex = 0;
  while (foldedLines.lastIndex < section.length) {
    const from = foldedLines.lastIndex;
    const line = foldedLines.exec(section)?.[0] ?? "";
    if (line === "") {
      // A stray CR or LF, which the intake does not let through.
      lines.push(section.slice(from));
      break;
    }
    lines.push(line);
  }
  return lines;
}

/** The name of a field; "" for a line that is not one. A blank before the colon is the obsolete form of RFC 5322 4.5. */
export function fieldName(line: string): string {
  return /^([\x21-\x39\x3b-\x7e]+)[ \t]*:/.exec(line)?.[1] ?? "";
}

/** Reads the header section of a message, without the empty line behind it, and what of the body came with that. */
export async function readHeader(
  pieces: AsyncIterator<Buffer>,
): Promise<{ readonly header: string; readonly rest: Buffer }> {
  let seen = Buffer.alloc(0);
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    seen = Buffer.concat([seen, next.value]);
    const end = seen.subarray(0, 2).toString("latin1") === "\r\n" ? -2 : seen.indexOf("\r\n\r\n");
    if (end !== -1) {
      return { header: seen.toString("latin1", 0, end + 2), rest: seen.subarray(end + 4) };
    }
  }
  return { header: seen.toString("latin1"), rest: Buffer.alloc(0) };
}

function fieldOf(line: string): HeaderField {
  const name = fieldName(line);
  const value = line.slice(line.indexOf(":") + 1).replaceAll("\r\n", "");
  return { name, value: name === "" ? "" : value.trim() };
}

export class HeaderFields {
  readonly #section: () => string;
  #all: readonly HeaderField[] | undefined;
  #byName: ReadonlyMap<string, readonly HeaderField[]> | undefined;
  /** Decoded ones, by their fields. */
  readonly #texts = new Map<HeaderField, string>();

  /** @param section its text; asked for once at most, when a field is first wanted */
  constructor(section: () => string) {
    this.#section = section;
  }

  /** Every field, in order. */
  get all(): readonly HeaderField[] {
    return (this.#all ??= splitFields(this.#section()).map(fieldOf));
  }

  /** The names in small letters, each once. */
  get names(): readonly string[] {
    return [...this.#named.keys()];
  }

  /** The values of every field of this name, in order. */
  values(name: string): readonly string[] {
    return (this.#named.get(name.toLowerCase()) ?? []).map(({ value }) => value);
  }

  /** The value of the nth field of this name, from 1. */
  nth(name: string, nth: number): string | undefined {
    return this.#named.get(name.toLowerCase())?.[nth - 1]?.value;
  }

  /** The same as text: encoded words and UTF-8 decoded, once. RFC 2047, RFC 6532. */
  text(name: string, nth = 1): string | undefined {
    const field = this.#named.get(name.toLowerCase())?.[nth - 1];
    if (field === undefined) {
      return undefined;
    }
    const text = this.#texts.get(field) ?? decodeText(field.value);
    this.#texts.set(field, text);
    return text;
  }

  get #named(): ReadonlyMap<string, readonly HeaderField[]> {
    return (this.#byName ??= Map.groupBy(
      this.all.filter(({ name }) => name !== ""),
      ({ name }) => name.toLowerCase(),
    ));
  }
}
