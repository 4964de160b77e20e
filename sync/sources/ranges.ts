/**
 * Values that come in portions. Active Directory gives no more than some 1500 values of an attribute at once, as
 * `proxyAddresses;range=0-1499`; the last portion ends with `*`. [MS-ADTS] 3.1.1.3.1.3.3.
 */
import type { Entry } from "../entry.ts";
import { SourceFault } from "../source.ts";
import type { FoundAttribute, FoundEntry } from "./found-entry.ts";
import type { LdapConnection } from "./ldap-connection.ts";
import { checkResult, searchRequest } from "./paged-search.ts";

/** Values of one attribute of one entry. */
const maxValues = 1_000_000;
const range = /^([^;]+);range=(\d+)-(\d+|\*)$/i;

/** An attribute that is not whole: what to ask for next. */
interface Open {
  readonly attribute: string;
  readonly next: number;
}

/** The entry in the sync's form, with what the server gave. */
export function readEntry(raw: FoundEntry): Entry & { readonly attributes: Map<string, readonly string[]> } {
  const attributes = new Map<string, readonly string[]>();
  for (const { type, values } of raw.attributes) {
    const name = (type.split(";", 1)[0] ?? "").toLowerCase();
    const before = attributes.get(name);
    attributes.set(name, before === undefined ? values : [...before, ...values]);
  }
  return { dn: raw.name, attributes };
}

/**
 * The same, complete: what a server held back is asked for.
 * @throws SourceFault "incomplete" if it does not come
 */
export async function wholeEntry(raw: FoundEntry, connection: LdapConnection): Promise<Entry> {
  const entry = readEntry(raw);
  for (const portion of openOf(raw)) {
    await completeAttribute(entry.dn, portion, entry.attributes, connection);
  }
  return entry;
}

/** What the server holds back. */
function openOf({ attributes }: FoundEntry): Open[] {
  return attributes.flatMap(({ type }) => {
    const [, attribute, , end] = type.includes(";") ? (range.exec(type) ?? []) : [];
    return attribute === undefined || end === undefined || end === "*" ? [] : [{ attribute, next: Number(end) + 1 }];
  });
}

/** Whether the entry has to be asked for again, which the session can do only between two searches. */
export function hasRanges(raw: FoundEntry): boolean {
  return openOf(raw).length > 0;
}

async function completeAttribute(
  dn: string,
  first: Open,
  attributes: Map<string, readonly string[]>,
  connection: LdapConnection,
): Promise<void> {
  const key = first.attribute.toLowerCase();
  const values = [...(attributes.get(key) ?? [])];
  let next: number | undefined = first.next;
  while (next !== undefined) {
    const portion = await readPortion(dn, first.attribute, next, connection);
    // One by one: a portion spread into arguments could overflow the stack.
    for (const value of portion.values) {
      values.push(value);
    }
    if (values.length > maxValues || (portion.next !== undefined && portion.next <= next)) {
      throw new SourceFault("incomplete", `The values of ${first.attribute} at ${dn} never end`);
    }
    next = portion.next;
  }
  attributes.set(key, values);
}

interface Portion {
  readonly values: readonly string[];
  readonly next: number | undefined;
}

async function readPortion(dn: string, attribute: string, start: number, connection: LdapConnection): Promise<Portion> {
  const wanted = `${attribute};range=${start}-*`;
  const request = searchRequest({
    base: dn,
    scope: "base",
    filter: "(objectClass=*)",
    attributes: [wanted],
    controls: [],
  });
  const search = connection.search(request);
  let found: Portion | undefined;
  for (;;) {
    const step = await search.next();
    if (step.done === true) {
      checkResult(step.value);
      break;
    }
    for (const entry of step.value) {
      found = entry.attributes.map((one) => asPortion(one, start)).find((one) => one !== undefined) ?? found;
    }
  }
  if (found === undefined) {
    throw new SourceFault(
      "incomplete",
      `The server does not give the values of ${attribute} at ${dn} from number ${start} on`,
    );
  }
  return found;
}

function asPortion({ type, values }: FoundAttribute, start: number): Portion | undefined {
  const [, , from, end] = range.exec(type) ?? [];
  if (from === undefined || Number(from) !== start) {
    return undefined;
  }
  return { values, next: end === "*" ? undefined : Number(end) + 1 };
}
