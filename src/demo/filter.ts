/**
 * Search filters: from BER to a value, and whether an entry matches it. RFC 4511 4.5.1.7.
 *
 * Every attribute is compared as a case-insensitive text without surrounding blanks; there is no schema.
 * A filter item on an attribute that the entry does not have is false, so `(!(mail=x))` matches such an entry, as with slapd's known attributes.
 */
import { BerFault, expectTag, readElements, readText, tags } from "./ber.ts";
import type { Element } from "./ber.ts";

/** An attribute's values. */
export type Value = string | Buffer;

/** What filters need to know of an entry: the values of an attribute, named in lower case. */
export type Lookup = (attribute: string) => readonly Value[] | undefined;

/** A filter. Attribute names are in lower case, values folded by {@link foldValue}. */
export type Filter =
  | { readonly kind: "and" | "or"; readonly filters: readonly Filter[] }
  | { readonly kind: "not"; readonly filter: Filter }
  | { readonly kind: "present"; readonly attribute: string }
  | { readonly kind: "equal" | "at-least" | "at-most"; readonly attribute: string; readonly value: string }
  | { readonly kind: "substrings"; readonly attribute: string; readonly parts: Parts };

/** The parts of a substring filter, folded; "" if there is no first or last one. */
export interface Parts {
  readonly first: string;
  readonly inner: readonly string[];
  readonly last: string;
}

/** A filter that this directory does not evaluate (extensible match). */
export class UnsupportedFilter extends Error {
  override readonly name = "UnsupportedFilter";
}

/** Deeper nesting is refused; a real filter has three or four levels. */
const maxDepth = 64;

/** Case and surrounding blanks play no part; inner blanks count as one. RFC 4518 2.6.1 in short. */
export function foldValue(value: Value): string {
  const text = typeof value === "string" ? value : value.toString("utf8");
  return text.normalize("NFKC").toLowerCase().trim().replaceAll(/\s+/g, " ");
}

/**
 * Reads a filter.
 * @throws BerFault if it is malformed, UnsupportedFilter if it asks for an extensible match
 */
export function readFilter(element: Element | undefined, depth = 0): Filter {
  if (element === undefined || depth > maxDepth) {
    throw new BerFault("A filter is missing or too deep");
  }
  const inner = (): Filter[] => readElements(element.content).map((each) => readFilter(each, depth + 1));
  switch (element.tag) {
    case 0xa0:
      return { kind: "and", filters: inner() };
    case 0xa1:
      return { kind: "or", filters: inner() };
    case 0xa2: {
      const [filter, ...rest] = inner();
      if (filter === undefined || rest.length > 0) {
        throw new BerFault("A negation has not exactly one filter");
      }
      return { kind: "not", filter };
    }
    case 0xa3:
    case 0xa8:
      return readAssertion("equal", element);
    case 0xa4:
      return readSubstrings(element);
    case 0xa5:
      return readAssertion("at-least", element);
    case 0xa6:
      return readAssertion("at-most", element);
    case 0x87:
      return { kind: "present", attribute: element.content.toString("utf8").toLowerCase() };
    case 0xa9:
      throw new UnsupportedFilter("Extensible match is not supported");
    default:
      throw new BerFault(`A filter has the unknown tag 0x${element.tag.toString(16)}`);
  }
}

function readAssertion(kind: "equal" | "at-least" | "at-most", element: Element): Filter {
  const [attribute, value] = readElements(element.content);
  return { kind, attribute: readText(attribute).toLowerCase(), value: foldValue(expectTag(value, tags.octets)) };
}

function readSubstrings(element: Element): Filter {
  const [attribute, list] = readElements(element.content);
  const parts = readElements(expectTag(list, tags.sequence));
  if (parts.length === 0) {
    throw new BerFault("A substring filter has no parts");
  }
  let [first, last] = ["", ""];
  const inner: string[] = [];
  for (const [index, { tag, content }] of parts.entries()) {
    if (tag === 0x80 && index === 0) {
      first = foldPart(content);
    } else if (tag === 0x81) {
      inner.push(foldPart(content));
    } else if (tag === 0x82 && index === parts.length - 1) {
      last = foldPart(content);
    } else {
      throw new BerFault("The parts of a substring filter are out of order");
    }
  }
  return { kind: "substrings", attribute: readText(attribute).toLowerCase(), parts: { first, inner, last } };
}

/** Each part is taken at its first place: linear, and never wrong, as only order matters. */
function hasParts(value: string, { first, inner, last }: Parts): boolean {
  if (!value.startsWith(first)) {
    return false;
  }
  let from = first.length;
  for (const part of inner) {
    const at = value.indexOf(part, from);
    if (at < 0) {
      return false;
    }
    from = at + part.length;
  }
  return value.length - last.length >= from && value.endsWith(last);
}

/** As {@link foldValue}, but a part may begin or end with a blank. */
function foldPart(content: Buffer): string {
  return content.toString("utf8").normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ");
}

/** Whether the entry matches. */
export function matches(filter: Filter, lookup: Lookup): boolean {
  const some = (attribute: string, test: (value: string) => boolean): boolean =>
    lookup(attribute)?.some((value) => test(foldValue(value))) ?? false;
  switch (filter.kind) {
    case "and":
      return filter.filters.every((each) => matches(each, lookup));
    case "or":
      return filter.filters.some((each) => matches(each, lookup));
    case "not":
      return !matches(filter.filter, lookup);
    case "present":
      return lookup(filter.attribute) !== undefined;
    case "equal":
      return some(filter.attribute, (value) => value === filter.value);
    case "at-least":
      return some(filter.attribute, (value) => compare(value, filter.value) >= 0);
    case "at-most":
      return some(filter.attribute, (value) => compare(value, filter.value) <= 0);
    case "substrings":
      return some(filter.attribute, (value) => hasParts(value, filter.parts));
  }
}

/** Numbers by size, everything else by code unit. */
function compare(left: string, right: string): number {
  if (/^-?\d+$/.test(left) && /^-?\d+$/.test(right)) {
    return Number(left) - Number(right);
  }
  return left < right ? -1 : left > right ? 1 : 0;
}
