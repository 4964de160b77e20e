/** Changes of a header section that is held. Fields that no check touches keep their octets. RFC 5322 2.1.1, 2.2. */
import { stuffText, unstuffText } from "./dots.ts";
import { fieldName, splitFields } from "./header.ts";

/** One change; all of them count the fields as they are when it is carried out. */
export type HeaderEdit =
  | { readonly kind: "insert"; readonly index: number; readonly line: string }
  /** Counts what the relay puts in front as one field; 0 is above it. */
  | { readonly kind: "insert-around"; readonly index: number; readonly line: string }
  | { readonly kind: "change"; readonly name: string; readonly nth: number; readonly value: string }
  | { readonly kind: "delete"; readonly name: string; readonly nth: number }
  | { readonly kind: "delete-received"; readonly name: string };

/** A field, with its continuation lines: lines of at most 998 octets, none of them blank. */
const field = /^[\x21-\x39\x3b-\x7e]+:[^\0\r\n]*(?:\r\n[ \t][^\0\r\n]*[^\0\r\n \t][^\0\r\n]*)*$/;
const maxLine = 998;

/** Whether it is one field on the wire. @param line without its last line ending */
export function isFieldLine(line: string): boolean {
  const tooLong = line.split("\r\n").some(({ length }) => length > maxLine);
  return field.test(line) && !tooLong && !/[^\0-\xff]/.test(line);
}

/** @throws RangeError for what is not one field */
function checkFieldLine(line: string): void {
  if (!isFieldLine(line)) {
    throw new RangeError(`Cannot use ${JSON.stringify(line.slice(0, 80))} as a header field`);
  }
}

/** @throws RangeError if a change cannot be carried out */
export function checkEdit(edit: HeaderEdit): void {
  if (edit.kind === "insert" || edit.kind === "insert-around") {
    checkFieldLine(edit.line);
  } else if (edit.kind === "change") {
    checkFieldLine(`${edit.name}: ${edit.value}`);
  }
  const number = numberOf(edit);
  if (!Number.isSafeInteger(number) || number < (edit.kind === "change" ? 1 : 0)) {
    throw new RangeError(`Cannot count header fields by ${number}`);
  }
}

function numberOf(edit: HeaderEdit): number {
  switch (edit.kind) {
    case "insert":
    case "insert-around":
      return edit.index;
    case "change":
    case "delete":
      return edit.nth;
    case "delete-received":
      return 0;
  }
}

export class EditedHeader {
  readonly #wire: string;
  /** Content of each field with its line endings; undefined: nothing was changed. */
  #fields: string[] | undefined;
  /** How many of them are above what the relay puts in front. */
  #above = 0;

  /** @param wire the section as received, without the empty line */
  constructor(wire: string) {
    this.#wire = wire;
  }

  /** As it goes to the next hop, without the empty line, one character per octet. @param trace what the relay puts in front */
  wire(trace = ""): string {
    const fields = this.#fields;
    return fields === undefined
      ? trace + this.#wire
      : stuffText(fields.slice(0, this.#above).join("")) + trace + stuffText(fields.slice(this.#above).join(""));
  }

  /** Without dot-stuffing. */
  get content(): string {
    return this.#fields?.join("") ?? unstuffText(this.#wire);
  }

  apply(edit: HeaderEdit): void {
    const fields = (this.#fields ??= splitFields(unstuffText(this.#wire)));
    switch (edit.kind) {
      case "insert":
        fields.splice(this.#above + edit.index, 0, `${edit.line}\r\n`);
        break;
      case "insert-around": {
        const isAbove = edit.index <= this.#above;
        fields.splice(isAbove ? edit.index : edit.index - 1, 0, `${edit.line}\r\n`);
        this.#above += isAbove ? 1 : 0;
        break;
      }
      case "change": {
        const at = placesOf(fields, edit.name)[edit.nth - 1] ?? fields.length;
        fields.splice(at, 1, `${edit.name}: ${edit.value}\r\n`);
        break;
      }
      case "delete-received": {
        const received = new Set(splitFields(unstuffText(this.#wire)));
        const name = edit.name.toLowerCase();
        this.#keep(fields, (line) => fieldName(line).toLowerCase() !== name || !received.has(line));
        break;
      }
      case "delete": {
        const places = placesOf(fields, edit.name);
        const gone = new Set(edit.nth === 0 ? places : places.slice(edit.nth - 1, edit.nth));
        this.#keep(fields, (_line, i) => !gone.has(i));
        break;
      }
    }
  }

  #keep(fields: readonly string[], stays: (line: string, i: number) => boolean): void {
    this.#fields = fields.filter(stays);
    this.#above = fields.slice(0, this.#above).filter(stays).length;
  }
}

function placesOf(fields: readonly string[], name: string): number[] {
  const wanted = name.toLowerCase();
  return fields.flatMap((line, i) => (fieldName(line).toLowerCase() === wanted ? [i] : []));
}
