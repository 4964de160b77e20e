/**
 * Turns entries into the keys that the snapshot holds for them: entry + preset + scope → found, and counts what gave none
 * by why.
 */
import { foldAscii, type Key } from "../../src/mail/address.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import { type Entry, valuesOf } from "../entry.ts";
import { createLeftOuts, type LeaveOut } from "../left-out.ts";
import type { AddressAttribute } from "../presets/preset.ts";
import type { Batch, FoundAddress, Person } from "../source.ts";
import { namesPeople, personOf, ruleOf } from "./restrictions.ts";
import { kindOf, type Rules } from "./rules.ts";
import { convertValue } from "./values.ts";

/** Keys of an entry that are compared one by one; most entries have one or two. */
const maxFew = 8;

/** Converts a page of entries. */
export function convertEntries(entries: readonly Entry[], rules: Rules): Batch {
  const conversion = new Conversion(rules);
  entries.forEach((entry) => conversion.entry(entry));
  return conversion.take();
}

/** Collects what entries give, until it is handed over. */
export class Conversion {
  readonly #rules: Rules;
  readonly #namesPeople: boolean;
  #entries = 0;
  #found: FoundAddress[] = [];
  #people: Person[] = [];
  #out = createLeftOuts();
  /** Of the entry that is converted now. */
  #dn = "";
  #kind: Kind = "account";
  #rule = "";
  #first = 0;
  #many: Set<Key> | undefined;

  constructor(rules: Rules) {
    this.#rules = rules;
    this.#namesPeople = namesPeople(rules.preset);
  }

  /** Converts an entry. */
  entry(entry: Entry): void {
    const { preset, scope, look } = this.#rules;
    look?.(entry);
    this.begin(entry.dn, "account");
    if (!this.#isExcluded(entry)) {
      this.#kind = kindOf(valuesOf(entry, preset.classAttribute), this.#rules);
      this.#rule = ruleOf(entry, preset, scope);
      for (const attribute of preset.addresses) {
        valuesOf(entry, attribute.attribute).forEach((value) => this.value(value.trim(), attribute));
      }
    }
    const person = this.#namesPeople ? personOf(entry, preset, scope) : undefined;
    if (person !== undefined) {
      this.person(person);
    }
  }

  #isExcluded(entry: Entry): boolean {
    for (const { attribute, values, why } of this.#rules.preset.exclusions) {
      const value = valuesOf(entry, attribute).find((text) => values.includes(foldAscii(text.trim())));
      if (value !== undefined) {
        this.#leave(attribute)(value, why);
        return true;
      }
    }
    return false;
  }

  /** The next one, to which anybody may write; its keys and values follow. */
  begin(dn: string, kind: Kind): void {
    this.#entries += 1;
    this.#dn = dn;
    this.#kind = kind;
    this.#rule = "";
    this.#first = this.#found.length;
    this.#many = undefined;
  }

  /** One of its keys. @param as what it is on a person */
  readonly add = (key: Key, as: Kind): void => {
    if (this.#isNew(key)) {
      const kind = this.#kind === "account" || as === "catchall" ? as : this.#kind;
      const row = { key, kind, entry: this.#dn };
      this.#found.push(this.#rule === "" ? row : { ...row, rule: this.#rule });
    }
  };

  /** One of its values, without blanks around it. */
  value(text: string, attribute: AddressAttribute): void {
    convertValue(text, attribute, this.#rules, this.add, this.#leave(attribute.attribute));
  }

  /** It may be named as a sender. */
  person(person: Person): void {
    this.#people.push(person);
  }

  /** What came since the last batch. */
  take(): Batch {
    const { left, skipped } = this.#out;
    const people = this.#people;
    const batch = { entries: this.#entries, found: this.#found, skipped, left };
    this.#entries = 0;
    this.#found = [];
    this.#people = [];
    this.#out = createLeftOuts();
    return people.length === 0 ? batch : { ...batch, people };
  }

  #leave(attribute: string): LeaveOut {
    return this.#out.of(this.#dn, attribute);
  }

  /** Whether a key comes for the first time in this entry. */
  #isNew(key: Key): boolean {
    const found = this.#found;
    if (found.length - this.#first >= maxFew) {
      this.#many ??= new Set(found.slice(this.#first).map((one) => one.key));
      return !this.#many.has(key) && this.#many.add(key).size > 0;
    }
    for (let index = this.#first; index < found.length; index += 1) {
      if (found[index]?.key === key) {
        return false;
      }
    }
    return true;
  }
}
