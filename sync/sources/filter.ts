/**
 * Whether an entry of a file passes a search filter, as a server would say. RFC 4511 4.5.1.7; values compare without
 * regard to case and with blanks folded (caseIgnoreMatch), for that is how mail attributes compare.
 */
import {
  AndFilter,
  ApproximateFilter,
  EqualityFilter,
  type Filter,
  FilterParser,
  GreaterThanEqualsFilter,
  LessThanEqualsFilter,
  NotFilter,
  OrFilter,
  PresenceFilter,
  SubstringFilter,
} from "ldapts";

import { type Entry, valuesOf } from "../entry.ts";

/**
 * Compiles a filter.
 * @throws RangeError where it is none, or of a kind that only a server can judge (extensible match)
 */
export function createFilter(text: string): (entry: Entry) => boolean {
  let filter: Filter;
  try {
    filter = FilterParser.parseString(text);
  } catch (cause) {
    throw new RangeError(`filter "${text}" is no search filter (RFC 4515)`, { cause });
  }
  return compile(filter);
}

type Test = (entry: Entry) => boolean;

function compile(filter: Filter): Test {
  if (filter instanceof AndFilter) {
    const tests = filter.filters.map(compile);
    return (entry) => tests.every((test) => test(entry));
  }
  if (filter instanceof OrFilter) {
    const tests = filter.filters.map(compile);
    return (entry) => tests.some((test) => test(entry));
  }
  if (filter instanceof NotFilter) {
    const test = compile(filter.filter);
    return (entry) => !test(entry);
  }
  if (filter instanceof PresenceFilter) {
    return anyValue(filter.attribute, () => true);
  }
  if (filter instanceof SubstringFilter) {
    const pattern = substringPattern(filter);
    return anyValue(filter.attribute, (value) => pattern.test(value));
  }
  return compileComparison(filter);
}

function compileComparison(filter: Filter): Test {
  if (filter instanceof EqualityFilter || filter instanceof ApproximateFilter) {
    const wanted = fold(String(filter.value));
    return anyValue(filter.attribute, (value) => value === wanted);
  }
  if (filter instanceof GreaterThanEqualsFilter || filter instanceof LessThanEqualsFilter) {
    const bound = fold(filter.value);
    const sign = filter instanceof LessThanEqualsFilter ? -1 : 1;
    return anyValue(filter.attribute, (value) => compare(value, bound) * sign >= 0);
  }
  throw new RangeError(`filter "${filter.toString()}" can be judged by a directory server only`);
}

function anyValue(attribute: string, test: (value: string) => boolean): Test {
  const name = attribute.toLowerCase();
  return (entry) => valuesOf(entry, name).some((value) => test(fold(value)));
}

function fold(value: string): string {
  return value.trim().replace(/\s+/g, " ").toLowerCase();
}

/** Numbers as numbers, the rest as text. */
function compare(left: string, right: string): number {
  if (/^-?\d+$/.test(left) && /^-?\d+$/.test(right)) {
    return Math.sign(Number(left) - Number(right));
  }
  return left < right ? -1 : left > right ? 1 : 0;
}

function substringPattern({ initial, any, final }: SubstringFilter): RegExp {
  const parts = [initial, ...any, final].map((part) => RegExp.escape(part.replace(/\s+/g, " ").toLowerCase()));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
