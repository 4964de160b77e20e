/**
 * Search filters as text. RFC 4515, with (&) and (|) of RFC 4526. One parse tree serves the encoder (filter-encoder.ts)
 * and the evaluator (filter-evaluator.ts).
 *
 * Blanks and line breaks may be between the parentheses, so that a filter may be written over several lines; a line
 * break at either end of a value belongs to that layout. Everything else that the grammar does not have is refused: a
 * server would take it for another filter, or for one that nothing matches.
 */

/** A filter. Attribute descriptions and rules are as written; values are octets. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly filters: readonly Filter[] }
  | { readonly kind: "not"; readonly filter: Filter }
  | { readonly kind: "present"; readonly attribute: string }
  | { readonly kind: Comparison; readonly attribute: string; readonly value: Buffer }
  | { readonly kind: "substrings"; readonly attribute: string; readonly parts: Parts }
  | ({ readonly kind: "extensible" } & Extensible);

/** `=`, `~=`, `>=`, `<=` */
export type Comparison = "equal" | "approximate" | "at-least" | "at-most";

/** The parts of a substring filter, none of them empty. */
export interface Parts {
  readonly initial: Buffer | undefined;
  readonly any: readonly Buffer[];
  readonly final: Buffer | undefined;
}

/** An extensible match; at least one of attribute and rule is given. */
export interface Extensible {
  readonly attribute: string | undefined;
  readonly rule: string | undefined;
  /** The parts of the DN count, too. */
  readonly dn: boolean;
  readonly value: Buffer;
}

/** Deeper nesting is refused; a filter that a person wrote has three or four levels. */
const maxDepth = 100;

const numericOid = "(?:0|[1-9][0-9]*)(?:\\.(?:0|[1-9][0-9]*))+";
const oid = new RegExp(`^(?:[A-Za-z][A-Za-z0-9-]*|${numericOid})$`);
const description = new RegExp(`^(?:[A-Za-z][A-Za-z0-9-]*|${numericOid})(?:;[A-Za-z0-9-]+)*$`);

interface Reader {
  readonly text: string;
  /** Index of the next character. */
  at: number;
}

/**
 * Reads a filter.
 * @throws RangeError if it is none, with the place
 */
export function parseFilter(text: string): Filter {
  const reader: Reader = { text, at: 0 };
  skipLayout(reader);
  const filter = readFilter(reader, 1);
  skipLayout(reader);
  if (reader.at < text.length) {
    throw fault(reader, "nothing may follow the closing parenthesis");
  }
  return filter;
}

/** Escapes a text so that it stays one value whatever it holds. RFC 4515 3. */
export function escapeFilterValue(text: string): string {
  return text.replace(/[^A-Za-z0-9@._+\- ]+/g, (part) =>
    Buffer.from(part).reduce((sum, octet) => `${sum}\\${octet.toString(16).padStart(2, "0")}`, ""),
  );
}

/** Every attribute that a filter asks about, as written; undefined if one of its tests is about any attribute. */
export function attributesOf(filter: Filter): readonly string[] | undefined {
  switch (filter.kind) {
    case "and":
    case "or": {
      const lists = filter.filters.map(attributesOf);
      return lists.includes(undefined) ? undefined : lists.flatMap((list) => list ?? []);
    }
    case "not":
      return attributesOf(filter.filter);
    case "extensible":
      return filter.attribute === undefined ? undefined : [filter.attribute];
    case "present":
    case "substrings":
    case "equal":
    case "approximate":
    case "at-least":
    case "at-most":
      return [filter.attribute];
  }
}

function fault({ text, at }: Reader, what: string): RangeError {
  return new RangeError(`filter "${text}" is not a search filter (RFC 4515): character ${at + 1}: ${what}`);
}

function skipLayout(reader: Reader): void {
  while (/^[ \t\r\n]$/.test(reader.text.charAt(reader.at))) {
    reader.at += 1;
  }
}

function readFilter(reader: Reader, depth: number): Filter {
  if (reader.text[reader.at] !== "(") {
    throw fault(reader, reader.at < reader.text.length ? 'a filter begins with "("' : "a filter is missing");
  }
  if (depth > maxDepth) {
    throw fault(reader, `more than ${maxDepth} filters within each other`);
  }
  const start = reader.at;
  reader.at += 1;
  skipLayout(reader);
  const filter = readInner(reader, depth);
  if (reader.text[reader.at] !== ")") {
    const open = { text: reader.text, at: start };
    throw reader.at < reader.text.length
      ? fault(reader, '")" is missing here')
      : fault(open, 'this "(" is never closed');
  }
  reader.at += 1;
  return filter;
}

function readInner(reader: Reader, depth: number): Filter {
  switch (reader.text.charAt(reader.at)) {
    case "&":
      return { kind: "and", filters: readList(reader, depth) };
    case "|":
      return { kind: "or", filters: readList(reader, depth) };
    case "!": {
      const [filter, ...more] = readList(reader, depth);
      if (filter === undefined || more.length > 0) {
        throw fault(reader, '"!" must be followed by exactly one filter');
      }
      return { kind: "not", filter };
    }
    default:
      return readItem(reader);
  }
}

function readList(reader: Reader, depth: number): Filter[] {
  const filters: Filter[] = [];
  reader.at += 1;
  for (skipLayout(reader); reader.text[reader.at] === "("; skipLayout(reader)) {
    filters.push(readFilter(reader, depth + 1));
  }
  return filters;
}

const operators: Readonly<Record<string, Comparison>> = { "~": "approximate", ">": "at-least", "<": "at-most" };

function readItem(reader: Reader): Filter {
  const { text, at } = reader;
  const length = text.slice(at).search(/[()]/);
  const item = length < 0 ? text.slice(at) : text.slice(at, at + length);
  const equals = item.indexOf("=");
  if (equals < 0) {
    throw fault(reader, `"${item.trim()}" has no "=": a test reads attribute=value`);
  }
  const mark = item.charAt(equals - 1);
  const left = item.slice(0, equals);
  const value = item.slice(equals + 1).replace(/^[ \t]*[\r\n]\s*|[ \t]*[\r\n]\s*$/g, "");
  const filter =
    mark === ":" ? readExtensible(reader, left.slice(0, -1), value) : readSimple(reader, mark, left, value);
  reader.at = at + item.length;
  if (text[reader.at] === "(") {
    throw fault(reader, "a parenthesis in a value is written \\28");
  }
  return filter;
}

function readSimple(reader: Reader, mark: string, left: string, value: string): Filter {
  const operator = operators[mark];
  const attribute = checkAttribute(reader, operator === undefined ? left : left.slice(0, -1));
  if (operator !== undefined) {
    return { kind: operator, attribute, value: readValue(reader, value) };
  }
  if (value === "*") {
    return { kind: "present", attribute };
  }
  if (!value.includes("*")) {
    return { kind: "equal", attribute, value: readValue(reader, value) };
  }
  const pieces = value.split("*");
  if (pieces.slice(1, -1).includes("")) {
    throw fault(reader, `"${value}" has two asterisks with nothing between them`);
  }
  const parts = pieces.map((piece) => (piece === "" ? undefined : readValue(reader, piece)));
  const any = parts.slice(1, -1).filter((part) => part !== undefined);
  return { kind: "substrings", attribute, parts: { initial: parts[0], any, final: parts.at(-1) } };
}

/** @param left `attribute`, `attribute:dn`, `attribute:rule`, `:dn:rule` … */
function readExtensible(reader: Reader, left: string, value: string): Filter {
  const [name = "", ...rest] = left.split(":");
  const dn = rest[0]?.toLowerCase() === "dn";
  const [rule, ...more] = dn ? rest.slice(1) : rest;
  if (more.length > 0 || (rule !== undefined && !oid.test(rule)) || (name === "" && rule === undefined)) {
    throw fault(reader, `"${left}:=" is not an extensible match: it reads attribute:dn:rule:=value`);
  }
  const attribute = name === "" ? undefined : checkAttribute(reader, name);
  return { kind: "extensible", attribute, rule, dn, value: readValue(reader, value) };
}

function checkAttribute(reader: Reader, name: string): string {
  if (!description.test(name)) {
    throw fault(reader, `"${name}" is not an attribute name (letters, digits and hyphens, or a numeric OID)`);
  }
  return name;
}

function readValue(reader: Reader, value: string): Buffer {
  if (/\\(?![0-9A-Fa-f]{2})/.test(value)) {
    throw fault(reader, `in "${value}", a backslash must be followed by two hexadecimal digits; "\\" itself is \\5c`);
  }
  if (value.includes("*") || value.includes("\0") || !value.isWellFormed()) {
    throw fault(reader, `in "${value}", an asterisk is written \\2a here, NUL \\00`);
  }
  const pieces = value.split(/\\([0-9A-Fa-f]{2})/);
  return Buffer.concat(pieces.map((piece, i) => Buffer.from(piece, i % 2 === 0 ? "utf8" : "hex")));
}
