/** The fields of a header section, parsed once, when first asked for. RFC 5322 2.2. */
import { MessageSplitter } from "./splitter.ts";
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
  const splitter = new MessageSplitter();
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    const rest = splitter.push(next.value);
    if (!splitter.open) {
      return { header: splitter.header, rest };
    }
  }
  return { header: splitter.header, rest: Buffer.alloc(0) };
}

/** A line of the section, as a field whose value is taken out when it is first wanted: of most fields it never is. */
class Field implements HeaderField {
  readonly name: string;
  readonly #line: string;
  #value: string | undefined;

  constructor(line: string) {
    this.name = fieldName(line);
    this.#line = line;
  }

  get value(): string {
    return (this.#value ??= this.name === "" ? "" : this.#taken);
  }

  get #taken(): string {
    const value = this.#line.slice(this.#line.indexOf(":") + 1);
    return (value.includes("\r\n") ? value.replaceAll("\r\n", "") : value).trim();
  }
}

/** The fields of one name. */
interface Named {
  readonly fields: readonly HeaderField[];
  values: readonly string[] | undefined;
}

const none: readonly string[] = [];

export class HeaderFields {
  readonly #section: () => string;
  #all: readonly HeaderField[] | undefined;
  #byName: ReadonlyMap<string, Named> | undefined;
  /** Decoded ones, by their fields. */
  readonly #texts = new Map<HeaderField, string>();

  /** @param section its text; asked for once at most, when a field is first wanted */
  constructor(section: () => string) {
    this.#section = section;
  }

  /** Every field, in order. */
  get all(): readonly HeaderField[] {
    return (this.#all ??= splitFields(this.#section()).map((line) => new Field(line)));
  }

  /** The names in small letters, each once. */
  get names(): readonly string[] {
    return [...this.#named.keys()];
  }

  /** The values of every field of this name, in order. */
  values(name: string): readonly string[] {
    const named = this.#named.get(name.toLowerCase());
    return named === undefined ? none : (named.values ??= named.fields.map(({ value }) => value));
  }

  /** The value of the nth field of this name, from 1. */
  nth(name: string, nth: number): string | undefined {
    return this.#nth(name, nth)?.value;
  }

  /** The same as text: encoded words and UTF-8 decoded, once. RFC 2047, RFC 6532. */
  text(name: string, nth = 1): string | undefined {
    const field = this.#nth(name, nth);
    if (field === undefined) {
      return undefined;
    }
    const text = this.#texts.get(field) ?? decodeText(field.value);
    this.#texts.set(field, text);
    return text;
  }

  #nth(name: string, nth: number): HeaderField | undefined {
    return this.#named.get(name.toLowerCase())?.fields[nth - 1];
  }

  get #named(): ReadonlyMap<string, Named> {
    return (this.#byName ??= groupByName(this.all));
  }
}

function groupByName(all: readonly HeaderField[]): Map<string, Named> {
  const named = new Map<string, { readonly fields: HeaderField[]; values: undefined }>();
  for (const field of all) {
    const key = field.name.toLowerCase();
    const others = named.get(key);
    if (others !== undefined) {
      others.fields.push(field);
    } else if (key !== "") {
      named.set(key, { fields: [field], values: undefined });
    }
  }
  return named;
}
