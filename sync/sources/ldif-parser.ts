/**
 * LDIF, content records. RFC 2849: folded lines, base64, comments; change records other than `add` are refused.
 *
 * Lenient if nothing can be lost: `dn:` begins a record even without an empty line before it, `version:` may come again
 * (files put together), and an attribute that nobody reads may be anything. Strict if a part could be taken for the
 * whole: a file whose last line has no line ending was probably cut off.
 */
import { decodeValue, type Entry } from "../entry.ts";
import { SourceFault } from "../source.ts";
import { otherForm } from "./ldif-forms.ts";
import { readLines } from "./lines.ts";

/** An entry and the line where it begins. */
export interface LdifEntry extends Entry {
  readonly line: number;
}

/** Characters of one entry, over all its lines. */
const maxEntry = 64 * 1024 * 1024;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const blank = /^[ \t]*$/;
/** Names that are LDIF's own, before the attributes of a record. */
const words = new Set(["dn", "version", "changetype", "control"]);
/** What ldapsearch prints behind the entries. */
const trailer = new Set(["search", "result", "ref", "numresponses", "numentries"]);

interface Field {
  /** Without options, in lower case. */
  readonly name: string;
  /** With them. */
  readonly description: string;
  readonly value: string;
  readonly line: number;
}

/**
 * Reads entries one at a time.
 * @param file its name, for errors
 * @param reads attribute names in lower case that somebody reads; all others are left out unseen. Not given: all
 * @throws SourceFault "format" with file and line
 */
export async function* parseLdif(
  input: string | AsyncIterable<string>,
  file: string,
  reads?: ReadonlySet<string>,
): AsyncGenerator<LdifEntry> {
  let head: Field | undefined;
  let rest: Field[] = [];
  let first = true;
  for await (const logical of logicalLines(input, file)) {
    const field = logical.text === "" ? undefined : readField(logical, file, first, reads);
    first &&= logical.text === "";
    if (logical.text === "" || field?.name === "dn") {
      if (head !== undefined) {
        yield readRecord(head, rest);
      }
      [head, rest] = [field, []];
    } else if (field?.name === "version" && head === undefined) {
      checkVersion(field, file);
    } else if (field !== undefined) {
      checkField(field, head, file);
      rest.push(field);
    }
  }
  if (head !== undefined) {
    yield readRecord(head, rest);
  }
}

interface Logical {
  readonly text: string;
  readonly number: number;
}

/** Lines with their continuations, without comments; an empty one ends a record. */
async function* logicalLines(input: string | AsyncIterable<string>, file: string): AsyncGenerator<Logical> {
  let parts: string[] = [];
  let start = 0;
  let size = 0;
  const whole = (): Logical => ({ text: parts.join(""), number: start });
  for await (const { text, number, ended } of readLines(input, file)) {
    size = text === "" ? 0 : size + text.length;
    if (size > maxEntry) {
      throw fault(file, number, `entry of more than ${maxEntry} characters`);
    }
    if (!ended && !blank.test(text)) {
      throw fault(file, number, "the last line has no line ending: the file was probably cut off while it was written");
    }
    // Blanks alone after a line may be the rest of its value; anywhere else they are an empty line.
    const isEmpty = text === "" || (blank.test(text) && (parts.length === 0 || text.startsWith("\t")));
    if (text.startsWith(" ") && !isEmpty) {
      if (parts.length === 0) {
        throw fault(file, number, "a line begins with a blank, and there is no line before it that it could continue");
      }
      parts.push(text.slice(1));
      continue;
    }
    if (parts.length > 0 && !parts[0]?.startsWith("#")) {
      yield whole();
    }
    parts = isEmpty ? [] : [text];
    start = number;
    if (isEmpty) {
      yield { text: "", number };
    }
  }
  if (parts.length > 0 && !parts[0]?.startsWith("#")) {
    yield whole();
  }
}

/** @returns undefined for an attribute that nobody reads, whatever its name and value are */
function readField(
  { text, number }: Logical,
  file: string,
  first: boolean,
  reads: ReadonlySet<string> | undefined,
): Field | undefined {
  const colon = text.indexOf(":");
  const form = first ? otherForm(text) : undefined;
  if (form !== undefined) {
    throw fault(file, number, form);
  }
  if (colon < 1) {
    throw fault(file, number, "not an attribute: a line reads name: value");
  }
  const description = text.slice(0, colon).trimEnd().toLowerCase();
  const name = description.split(";", 1)[0] ?? description;
  if (!words.has(name) && !trailer.has(name) && reads?.has(name) === false) {
    return undefined;
  }
  const field = { name, description, line: number };
  const mark = text.charAt(colon + 1);
  if (mark === "<") {
    throw fault(file, number, `the value of ${name} is a URL; goodmailto reads no other file`);
  }
  if (mark !== ":") {
    return { ...field, value: text.slice(colon + 1).replace(/^ +/, "") };
  }
  const encoded = text.slice(colon + 2).trim();
  if (!base64.test(encoded)) {
    throw fault(file, number, `the value of ${name} is not base64`);
  }
  return { ...field, value: decodeValue(Buffer.from(encoded, "base64")) };
}

function checkVersion({ value, line }: Field, file: string): void {
  if (value.trim() !== "1") {
    throw fault(file, line, `LDIF version "${value.slice(0, 20)}" is not known`);
  }
}

function checkField({ name, value, line }: Field, head: Field | undefined, file: string): void {
  if (head === undefined) {
    const hint = trailer.has(name) ? "; of ldapsearch, use -LLL" : "";
    throw fault(file, line, `a record begins with dn, and this one with "${name.slice(0, 60)}"${hint}`);
  }
  if (name === "changetype" && value.trim().toLowerCase() !== "add") {
    const kind = value.trim().slice(0, 20);
    throw fault(file, line, `changetype: ${kind}: a list of changes; only entries and "changetype: add" are read`);
  }
}

function readRecord(head: Field, rest: readonly Field[]): LdifEntry {
  const attributes = new Map<string, string[]>();
  const described = new Map<string, string[]>();
  for (const { name, description, value } of rest) {
    if (words.has(name) && name !== "version") {
      continue;
    }
    add(attributes, name, value);
    if (description !== name) {
      add(described, description, value);
    }
  }
  const record = { dn: head.value, attributes, line: head.line };
  return described.size === 0 ? record : { ...record, described };
}

function add(lists: Map<string, string[]>, name: string, value: string): void {
  const values = lists.get(name);
  if (values === undefined) {
    lists.set(name, [value]);
  } else {
    values.push(value);
  }
}

function fault(file: string, line: number, text: string): SourceFault {
  return new SourceFault("format", `${file}:${line}: ${text}`);
}
