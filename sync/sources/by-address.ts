/**
 * Another way to ask a directory whose preset knows recipients by their object classes: for whatever has an address, and
 * the classes are looked at here. To OpenLDAP that is less work than to compare classes, and what they leave out is seen on
 * the way, where it took another search through the whole directory.
 *
 * The server knows more of classes than their names: that one is below another, or by which number it goes. So where
 * an entry is of no class that was asked for, by its name, the server is asked by class for those that are left.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import { canonicalName } from "../convert/attribute-names.ts";
import type { Rules } from "../convert/rules.ts";
import { SourceFault } from "../source.ts";
import { type Filter, parseFilter } from "./filter.ts";
import type { FoundEntry } from "./found-entry.ts";
import { readEntry } from "./ranges.ts";
import { classesFit, collectUnasked, namedClasses, type Unasked } from "./unasked.ts";

/** Entries that are looked at, of those that are kept out. */
const mostLooked = 10_000;
/** Sets of classes that they may have; beyond that the server is asked for all. */
const mostSets = 100;
/** What needs no escape in a filter. RFC 4512 1.4. */
const className = /^(?:[A-Za-z][A-Za-z0-9-]*|[0-9.]+)$/;

/** Lets entries of the classes of a preset pass. */
export class ClassGate {
  readonly #rules: Rules;
  readonly #filter: Filter;
  readonly #others: ReturnType<typeof collectUnasked>;
  readonly #sets = new Map<string, readonly string[]>();
  #kept = 0;
  /** by name: of all that have an address. rest, all: of those that the server chose by class, after that or instead. */
  #mode: "by name" | "rest" | "all" = "by name";
  #late = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
    this.#filter = parseFilter(rules.preset.filter);
    this.#others = collectUnasked(rules);
  }

  /** How many entries were kept out: they are of none of the classes, by their names. */
  get kept(): number {
    return this.#kept;
  }

  /** Whether an entry has one of the classes, by its name. */
  fits(classes: readonly string[]): boolean {
    return classesFit(this.#filter, namedClasses(classes)) === true;
  }

  /** @param fit what {@link fits} says of its classes @throws RangeError if it cannot be read */
  passes(entry: FoundEntry, classes: readonly string[], fit: boolean): boolean {
    switch (this.#mode) {
      case "by name":
        if (!fit) {
          this.#keep(entry, classes);
        }
        return fit;
      case "rest":
        // The others came before.
        this.#late += fit ? 0 : 1;
        return !fit;
      case "all":
        return true;
    }
  }

  #keep(entry: FoundEntry, classes: readonly string[]): void {
    this.#kept += 1;
    if (this.#sets.size <= mostSets) {
      this.#sets.set(classes.join("\n").toLowerCase(), classes);
    }
    if (this.#kept <= mostLooked) {
      entry.check();
      this.#others.take(readEntry(entry));
    } else {
      this.#others.found.fault = "there are more";
    }
  }

  /**
   * The server chooses from now on.
   * @param seen classes of entries that passed
   * @returns the filter for those that did not pass though they may be of the classes, or for all if none came
   */
  open(seen: Iterable<string>): string {
    const { filter } = this.#rules.preset;
    this.#mode = this.#kept === 0 ? "all" : "rest";
    const known = new Set([...seen].map((name) => name.toLowerCase()));
    const own = [...this.#sets.values()].map((classes) => classes.filter((name) => !known.has(name.toLowerCase())));
    const names = [...new Set(own.flat())];
    // With a class that no entry has which passed, the server need not look at those again.
    const areTold = own.every(({ length }) => length > 0) && names.every((name) => className.test(name));
    return this.#kept === 0 || this.#sets.size > mostSets || !areTold
      ? filter
      : `(&${filter}(|${names.map((name) => `(objectClass=${name})`).join("")}))`;
  }

  /** Those that were kept out for good; undefined: only the server knows them. */
  unasked(): Unasked | undefined {
    return this.#mode === "all" || this.#late > 0 ? undefined : this.#others.found;
  }
}

/** Of a server that answers, and does not want to answer that. */
const refusals: ReadonlySet<SourceFault["reason"]> = new Set(["search", "incomplete"]);

/** For a source that is asked this way; undefined: it is asked by its filter. */
export function gateFor({ filter }: SourceSettings, rules: Rules): ClassGate | undefined {
  const { preset, look } = rules;
  const isAsked = filter === "" && look === undefined && preset.byAddress && isOfClasses(parseFilter(preset.filter));
  return isAsked ? new ClassGate(rules) : undefined;
}

/** Only then a class that is below another changes nothing but that more entries fit. */
function isOfClasses(filter: Filter): boolean {
  return filter.kind === "or"
    ? filter.filters.every(isOfClasses)
    : filter.kind === "equal" && canonicalName(filter.attribute) === "objectclass";
}

/**
 * All entries of the classes, and others, which the gate keeps out.
 * @param ask for a filter
 * @param seen classes of entries that passed
 * @throws SourceFault as asking does
 */
export async function* askByAddress(
  gate: ClassGate,
  { preset }: Rules,
  ask: (filter: string) => AsyncIterable<readonly FoundEntry[]>,
  seen: () => Iterable<string>,
): AsyncGenerator<readonly FoundEntry[]> {
  const any = preset.addresses.map(({ attribute }) => `(${attribute}=*)`).join("");
  let entries = 0;
  try {
    for await (const page of ask(`(|${any})`)) {
      entries += page.length;
      yield page;
    }
  } catch (fault) {
    // A server may refuse a search without an index, and have one for classes.
    if (entries > 0 || !(fault instanceof SourceFault) || !refusals.has(fault.reason)) {
      throw fault;
    }
  }
  if (entries === 0 || gate.kept > 0) {
    yield* ask(gate.open(seen()));
  }
}
