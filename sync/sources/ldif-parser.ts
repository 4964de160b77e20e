/** LDIF, content records. RFC 2849: folded lines, base64, comments; change records other than `add` are refused. */
import { decodeValue, type Entry } from "../entry.ts";
import { SourceFault } from "../source.ts";
import { readLines } from "./lines.ts";

/** An entry and the line where it begins. */
export interface LdifEntry extends Entry {
  readonly line: number;
}

/** Characters of one entry, over all its lines. */
const maxEntry = 64 * 1024 * 1024;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const attributeName = /^[A-Za-z0-9][A-Za-z0-9.-]*(?:;[A-Za-z0-9=*-]+)*$/;

interface Field {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/**
 * Reads entries one at a time.
 * @param file its name, for faults
 * @throws SourceFault "format" with file and line
 */
export async function* parseLdif(input: string | AsyncIterable<string>, file: string): AsyncGenerator<LdifEntry> {
  let record: Field[] = [];
  let first = true;
  for await (const logical of logicalLines(input, file)) {
    if (logical.text !== "") {
      const field = readField(logical.text, file, logical.number);
      if (!(first && field.name === "version")) {
        record.push(field);
      } else if (field.value !== "1") {
        throw fault(file, logical.number, `LDIF version "${field.value.slice(0, 20)}" is not known`);
      }
      first = false;
    } else if (record.length > 0) {
      yield readRecord(record, file);
      record = [];
    }
  }
  if (record.length > 0) {
    yield readRecord(record, file);
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
  for await (const { text, number } of readLines(input, file)) {
    size = text === "" ? 0 : size + text.length;
    if (size > maxEntry) {
      throw fault(file, number, `entry of more than ${maxEntry} characters`);
    }
    if (text.startsWith(" ")) {
      if (parts.length === 0) {
        throw fault(file, number, "continuation of nothing");
      }
      parts.push(text.slice(1));
      continue;
    }
    if (parts.length > 0 && !parts[0]?.startsWith("#")) {
      yield whole();
    }
    parts = text === "" ? [] : [text];
    start = number;
    if (text === "") {
      yield { text, number };
    }
  }
  if (parts.length > 0 && !parts[0]?.startsWith("#")) {
    yield whole();
  }
}

function readField(text: string, file: string, line: number): Field {
  const colon = text.indexOf(":");
  const name = text.slice(0, colon);
  if (colon < 0 || !attributeName.test(name)) {
    throw fault(file, line, "no attribute: a line reads name: value");
  }
  const mark = text.charAt(colon + 1);
  if (mark === "<") {
    throw fault(file, line, `the value of ${name} is a URL; goodmailto reads no other file`);
  }
  if (mark !== ":") {
    return { name: name.toLowerCase(), value: text.slice(colon + 1).replace(/^ +/, ""), line };
  }
  const encoded = text.slice(colon + 2).trim();
  if (!base64.test(encoded)) {
    throw fault(file, line, `the value of ${name} is no base64`);
  }
  return { name: name.toLowerCase(), value: decodeValue(Buffer.from(encoded, "base64")), line };
}

function readRecord(fields: readonly Field[], file: string): LdifEntry {
  const [head, ...rest] = fields;
  if (head === undefined || head.name !== "dn") {
    throw fault(file, head?.line ?? 0, "a record begins with dn (of ldapsearch, use -LLL)");
  }
  const attributes = new Map<string, string[]>();
  for (const { name, value, line } of rest) {
    if (name === "changetype" || name === "control") {
      if (value.trim().toLowerCase() !== "add") {
        throw fault(file, line, `${name}: only content records and "changetype: add" are read`);
      }
      continue;
    }
    const key = name.split(";", 1)[0] ?? name;
    const values = attributes.get(key);
    if (values === undefined) {
      attributes.set(key, [value]);
    } else {
      values.push(value);
    }
  }
  return { dn: head.value, attributes, line: head.line };
}

function fault(file: string, line: number, text: string): SourceFault {
  return new SourceFault("format", `${file}:${line}: ${text}`);
}
