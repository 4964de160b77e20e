/**
 * Whether an entry of a file passes a search filter, as a server would say. RFC 4511 4.5.1.7. There is not a schema:
 * values compare without regard to case and with blanks folded (caseIgnoreMatch), for that is how mail attributes
 * compare; an attribute that the entry lacks is simply not equal to anything.
 */
import { canonicalName, classChain, dnAttributes, namesOf } from "../convert/attribute-names.ts";
import { foldDn, foldText, parseDn } from "../convert/distinguished-name.ts";
import { decodeValue, type Entry, valuesOf } from "../entry.ts";
import type { Comparison, Extensible, Filter, Parts } from "./filter.ts";

/** Says whether an entry passes. */
export type Test = (entry: Entry) => boolean;

/**
 * Compiles a filter.
 * @throws RangeError if only a server can judge it
 */
export function compileFilter(filter: Filter): Test {
  switch (filter.kind) {
    case "and": {
      const tests = filter.filters.map(compileFilter);
      return (entry) => tests.every((test) => test(entry));
    }
    case "or": {
      const tests = filter.filters.map(compileFilter);
      return (entry) => tests.some((test) => test(entry));
    }
    case "not": {
      const test = compileFilter(filter.filter);
      return (entry) => !test(entry);
    }
    case "present":
      return anyValue(filter.attribute, () => true);
    case "substrings": {
      const pattern = substringPattern(filter.parts);
      return anyValue(filter.attribute, (value) => pattern.test(foldText(value)));
    }
    case "extensible":
      return compileExtensible(filter);
    case "equal":
    case "approximate":
    case "at-least":
    case "at-most":
      return anyValue(filter.attribute, comparison(filter.kind, filter.attribute, decodeValue(filter.value)));
  }
}

type ValueTest = (value: string) => boolean;

function anyValue(attribute: string, test: ValueTest): Test {
  const read = reader(attribute);
  return (entry) => read(entry).some(test);
}

/** Reads the values of an attribute, by all its names, with the options that are asked for. RFC 4512 2.5. */
function reader(attribute: string): (entry: Entry) => readonly string[] {
  const [type = "", ...all] = attribute.toLowerCase().split(";");
  const names = namesOf(type);
  if (names === undefined) {
    throw new RangeError(`filter: the name of attribute ${type} is not known here; write the name instead of the OID`);
  }
  // RFC 4522: it says how a value is transferred, not which one it is.
  const options = all.filter((option) => option !== "binary");
  if (options.length > 0) {
    return ({ described }) =>
      [...(described ?? [])].flatMap(([name, values]) => {
        const [base = "", ...has] = name.split(";");
        return names.includes(base) && options.every((option) => has.includes(option)) ? values : [];
      });
  }
  const [only] = names;
  return names.length === 1 && only !== undefined
    ? (entry) => valuesOf(entry, only)
    : (entry) => names.flatMap((name) => valuesOf(entry, name));
}

function comparison(kind: Comparison, attribute: string, wanted: string): ValueTest {
  if (kind === "equal" || kind === "approximate") {
    return equality(canonicalName(attribute.split(";", 1)[0] ?? ""), wanted);
  }
  const bound = foldText(wanted);
  const sign = kind === "at-most" ? -1 : 1;
  return (value) => compare(foldText(value), bound) * sign >= 0;
}

function equality(name: string, wanted: string): ValueTest {
  const folded = foldText(wanted);
  if (name === "objectclass") {
    return (value) => classChain(value.toLowerCase()).includes(folded);
  }
  if (name === "objectcategory" && !folded.includes("=")) {
    // Active Directory takes the class's name for the DN of its schema entry.
    return (value) => foldDn(value).startsWith(`cn=${folded},`);
  }
  if (dnAttributes.has(name)) {
    const dn = foldDn(wanted);
    return (value) => foldDn(value) === dn;
  }
  return (value) => foldText(value) === folded;
}

/** Numbers as numbers, the rest as text. */
function compare(left: string, right: string): number {
  if (/^-?\d+$/.test(left) && /^-?\d+$/.test(right)) {
    const difference = BigInt(left) - BigInt(right);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  return left < right ? -1 : left > right ? 1 : 0;
}

function substringPattern({ initial, any, final }: Parts): RegExp {
  const fold = (part: Buffer | undefined): string =>
    part === undefined ? "" : decodeValue(part).normalize("NFKC").replace(/\s+/g, " ").toLowerCase();
  const first = fold(initial).trimStart();
  const last = fold(final).trimEnd();
  const parts = [first, ...any.map(fold), last].map((part) => RegExp.escape(part));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}

const exact = (wanted: string): ValueTest => {
  const fold = (value: string): string => value.normalize("NFKC").trim().replace(/\s+/g, " ");
  const folded = fold(wanted);
  return (value) => fold(value) === folded;
};

/** @param holds what the bits that are there and those that are wanted must be */
function bits(wanted: string, holds: (common: bigint, mask: bigint) => boolean): ValueTest {
  if (!/^-?\d+$/.test(wanted)) {
    return () => false;
  }
  const mask = BigInt.asUintN(64, BigInt(wanted));
  return (value) => /^-?\d+$/.test(value) && holds(BigInt.asUintN(64, BigInt(value)) & mask, mask);
}

/** By name and OID, in lower case. RFC 4517 4.2; the last two are Active Directory's. */
const rules: readonly (readonly [string, string, (wanted: string) => ValueTest])[] = [
  ["caseignorematch", "2.5.13.2", (wanted) => equality("", wanted)],
  ["caseignoreia5match", "1.3.6.1.4.1.1466.109.114.2", (wanted) => equality("", wanted)],
  ["caseexactmatch", "2.5.13.5", exact],
  ["caseexactia5match", "1.3.6.1.4.1.1466.109.114.1", exact],
  ["integermatch", "2.5.13.14", (wanted) => (value) => compare(value, wanted) === 0],
  ["objectidentifiermatch", "2.5.13.0", (wanted) => equality("objectclass", wanted)],
  ["distinguishednamematch", "2.5.13.1", (wanted) => equality("member", wanted)],
  ["bitand", "1.2.840.113556.1.4.803", (wanted) => bits(wanted, (common, mask) => common === mask)],
  ["bitor", "1.2.840.113556.1.4.804", (wanted) => bits(wanted, (common) => common !== 0n)],
];

function compileExtensible({ attribute, rule, dn, value }: Extensible): Test {
  const wanted = decodeValue(value);
  const type = canonicalName((attribute ?? "").split(";", 1)[0] ?? "");
  const test = rule === undefined ? equality(type, wanted) : matchingRule(rule, wanted);
  const inEntry: Test =
    attribute === undefined
      ? (entry) => [...entry.attributes.values()].some((values) => values.some(test))
      : anyValue(attribute, test);
  if (!dn) {
    return inEntry;
  }
  const inDn: Test = (entry) =>
    (parseDn(entry.dn) ?? []).flat().some((part) => (type === "" || part.type === type) && test(part.value));
  return (entry) => inEntry(entry) || inDn(entry);
}

function matchingRule(rule: string, wanted: string): ValueTest {
  const name = rule.toLowerCase();
  const found = rules.find(([word, oid]) => word === name || oid === name);
  if (found === undefined) {
    throw new RangeError(`filter: the matching rule "${rule}" can be judged by a directory server only`);
  }
  return found[2](wanted);
}
