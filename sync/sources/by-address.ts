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
/** Classes of entries that pass. */
const mostKnown = 1000;
/** What needs no escape in a filter. RFC 4512 1.4. */
const className = /^(?:[A-Za-z][A-Za-z0-9-]*|[0-9.]+)$/;

/** Lets entries of the classes of a preset pass. */
export class ClassGate {
  readonly #rules: Rules;
  readonly #filter: Filter;
  readonly #others: ReturnType<typeof collectUnasked>;
  /** Classes of entries that passed, in lower case. */
  readonly #known = new Set<string>();
  readonly #sets = new Map<string, readonly string[]>();
  #kept = 0;
  /** by name: of all that have an address. rest, all: the server chooses by class, of those that were kept out or of all. */
  #mode: "by name" | "rest" | "all" = "by name";
  #late = 0;

  constructor(rules: Rules) {
    this.#rules = rules;
    this.#filter = parseFilter(rules.preset.filter);
    // What they are called says nothing of what this source has.
    this.#others = collectUnasked({ ...rules, kinds: new Map() });
  }

  /** How many entries were kept out: they are of none of the classes, by their names. */
  get kept(): number {
    return this.#kept;
  }

  /** Whether an entry has one of the classes, by its name. */
  fits(classes: readonly string[]): boolean {
    const fit = classesFit(this.#filter, namedClasses(classes)) === true;
    if (fit && this.#known.size < mostKnown) {
      classes.forEach((name) => this.#known.add(name.toLowerCase()));
    }
    return fit;
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
        // Also those that fit by now: they did not before.
        this.#late += 1;
        return true;
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

  /** All that come pass from now on: the server is asked by class for all, and what came before is forgotten. */
  openToAll(): string {
    this.#mode = "all";
    return this.#rules.preset.filter;
  }

  /**
   * All that come pass from now on: those of the classes that were kept out.
   * @returns a filter for them; undefined: only by asking for all
   */
  openToRest(): string | undefined {
    const known = this.#known;
    const own = [...this.#sets.values()].map((classes) => classes.filter((name) => !known.has(name.toLowerCase())));
    const names = [...new Set(own.flat())];
    // With a class that no entry has which passed, the server need not look at those again.
    const areTold = own.every(({ length }) => length > 0) && names.every((name) => className.test(name));
    if (this.#sets.size > mostSets || known.size >= mostKnown || !areTold) {
      return undefined;
    }
    this.#mode = "rest";
    return `(&${this.#rules.preset.filter}(|${names.map((name) => `(objectClass=${name})`).join("")}))`;
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

/** A page of entries; again: what came so far is to be forgotten, as it comes once more. */
export type Page = readonly FoundEntry[] | "again";

/**
 * All entries of the classes, and others, which the gate keeps out.
 * @param ask for a filter
 * @throws SourceFault as asking does
 */
export async function* askByAddress(
  gate: ClassGate,
  { preset }: Rules,
  ask: (filter: string) => AsyncIterable<readonly FoundEntry[]>,
): AsyncGenerator<Page> {
  const any = preset.addresses.map(({ attribute }) => `(${attribute}=*)`).join("");
  let entries = 0;
  let isWhole = true;
  try {
    for await (const page of ask(`(|${any})`)) {
      entries += page.length;
      yield page;
    }
  } catch (fault) {
    // A server may have an index for classes alone, or a limit that only those entries keep to.
    if (!(fault instanceof SourceFault) || !refusals.has(fault.reason)) {
      throw fault;
    }
    isWhole = false;
  }
  if (isWhole && entries > 0 && gate.kept === 0) {
    return;
  }
  const rest = isWhole && entries > 0 ? gate.openToRest() : undefined;
  if (rest === undefined && entries > 0) {
    yield "again";
  }
  yield* ask(rest ?? gate.openToAll());
}
