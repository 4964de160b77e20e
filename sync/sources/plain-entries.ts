/**
 * The short way from the octets of an entry to its keys, which nearly all entries take: no attribute has options, none says
 * that the entry takes no mail or not from everybody. What else is not plain, an entry or one of its values, takes the long
 * way; both give the same.
 */
import { foldAscii } from "../../src/mail/address.ts";
import { Latest } from "../../src/mail/latest.ts";
import { PlainAddresses, type PlainForm } from "../../src/mail/plain-address.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import type { Conversion } from "../convert/addresses.ts";
import { foldDn } from "../convert/distinguished-name.ts";
import { namesPeople, senderKeys } from "../convert/restrictions.ts";
import { kindOf, type Rules } from "../convert/rules.ts";
import { decodeValue } from "../entry.ts";
import type { AddressAttribute, Form } from "../presets/preset.ts";
import { AttributeSets } from "./attribute-sets.ts";
import type { ClassGate } from "./by-address.ts";
import type { Watch } from "./changes.ts";
import { contentOf, contentsOf, endOf, tags } from "./elements.ts";
import type { FoundEntry } from "./found-entry.ts";
import type { Sightings } from "./sightings.ts";

/** An attribute that holds addresses. */
interface Addresses {
  readonly attribute: AddressAttribute;
  readonly number: number;
  /** How its plain values are read; undefined: none of them is. */
  readonly form: PlainForm | undefined;
  readonly isPrefixed: boolean;
}

/** An attribute that may say that an entry is not plain. */
interface Doubt {
  readonly number: number;
  /** Whether its values do. */
  readonly says: Latest<boolean>;
}

/** What its classes say of an entry. */
interface Classes {
  readonly names: readonly string[];
  /** Whether the gate lets them pass. */
  readonly fit: boolean;
  /** Undefined if it does not: it need not be known. */
  readonly kind: Kind | undefined;
}

const smtp = "smtp:";
/** The numbers of attributes that each source has. */
const [classes, watched] = [0, 1];

/** Of one reading. */
export class PlainEntries {
  readonly #rules: Rules;
  readonly #conversion: Conversion;
  readonly #watch: Watch;
  readonly #sets: AttributeSets;
  readonly #doubts: readonly Doubt[];
  readonly #addresses: readonly Addresses[];
  readonly #classes: Latest<Classes>;
  readonly #plain: PlainAddresses;
  /** How a key begins that stands for others, too. */
  readonly #catchAll: string | undefined;
  readonly #namesPeople: boolean;
  readonly #gate: ClassGate | undefined;

  /** @param gate not given: all entries pass */
  constructor(rules: Rules, conversion: Conversion, sightings: Sightings, watch: Watch, gate?: ClassGate) {
    const { preset, scope } = rules;
    this.#rules = rules;
    this.#conversion = conversion;
    this.#watch = watch;
    const names = [preset.classAttribute, watch.attribute.toLowerCase()];
    const numberOf = (name: string): number => (names.includes(name) ? names.indexOf(name) : names.push(name) - 1);
    this.#doubts = [...preset.exclusions, ...preset.rules].map((one) => ({
      number: numberOf(one.attribute),
      says: new Latest((...octets) => isSaid(valuesIn(...octets), "values" in one ? one.values : undefined)),
    }));
    this.#addresses = preset.addresses.map((attribute) => ({
      attribute,
      number: numberOf(attribute.attribute),
      form: formOf(attribute.form, rules),
      isPrefixed: attribute.form === "prefixed",
    }));
    this.#sets = new AttributeSets(names, (name, hasValues) => sightings.note(name, hasValues));
    this.#gate = gate;
    this.#classes = new Latest((...octets) => {
      const names = valuesIn(...octets);
      const fit = gate?.fits(names) ?? true;
      return { names, fit, kind: fit ? kindOf(names, rules) : undefined };
    });
    this.#plain = new PlainAddresses((domain) => scope.canonical(domain));
    this.#catchAll = preset.catchAllUser === undefined ? undefined : `${preset.catchAllUser}@`;
    this.#namesPeople = namesPeople(preset);
  }

  /**
   * Converts an entry, unless the gate keeps it out.
   * @returns false if it is not plain, and is to be converted: nothing was done but to note its attributes
   */
  convert(entry: FoundEntry): boolean {
    const sets = this.#sets;
    const { bytes } = entry;
    const isPlain = sets.find(entry);
    const { names, fit, kind } = this.#classes.of(bytes, sets.start(classes), sets.end(classes));
    if (this.#gate?.passes(entry, names, fit) === false) {
      return true;
    }
    if (this.#watch.attribute !== "" && sets.start(watched) < sets.end(watched)) {
      const at = sets.start(watched);
      this.#watch.note(bytes, contentOf(bytes, at), endOf(bytes, at, tags.octets, sets.end(watched)));
    }
    if (!isPlain || this.#isDoubtful(bytes)) {
      return false;
    }
    const dn = this.#nameOf(entry);
    this.#conversion.begin(dn, kind ?? kindOf(names, this.#rules));
    const people: string[] | undefined = this.#namesPeople ? [] : undefined;
    for (const addresses of this.#addresses) {
      const end = sets.end(addresses.number);
      for (let at = sets.start(addresses.number); at < end;) {
        const next = endOf(bytes, at, tags.octets, end);
        this.#convertValue(bytes, contentOf(bytes, at), next, addresses, people);
        at = next;
      }
    }
    if (people !== undefined && people.length > 0) {
      this.#conversion.person({ dn: foldDn(dn), keys: people });
    }
    return true;
  }

  #isDoubtful(bytes: Buffer): boolean {
    const sets = this.#sets;
    return this.#doubts.some(({ number, says }) => says.of(bytes, sets.start(number), sets.end(number)));
  }

  #nameOf({ bytes, at, end }: FoundEntry): string {
    const start = contentOf(bytes, at);
    const stop = endOf(bytes, at, tags.octets, end);
    for (let octet = start; octet < stop; octet += 1) {
      if ((bytes[octet] ?? 0) >= 0x80) {
        return decodeValue(bytes, start, stop);
      }
    }
    return this.#plain.textOf(bytes, start, stop);
  }

  #convertValue(bytes: Buffer, start: number, end: number, from: Addresses, people: string[] | undefined): void {
    const { attribute, form, isPrefixed } = from;
    const prefix = isPrefixed ? this.#plain.textOf(bytes, start, Math.min(start + smtp.length, end)) : "";
    const isOther = isPrefixed && prefix.toLowerCase() !== smtp;
    const key = form === undefined || isOther ? undefined : this.#plain.keyOf(bytes, start + prefix.length, end, form);
    if (key !== undefined && (this.#catchAll === undefined || !key.startsWith(this.#catchAll))) {
      // Exchange writes the primary address's prefix in capitals.
      this.#conversion.add(key, prefix === smtp.toUpperCase() ? "account" : attribute.kind);
      people?.push(key);
      return;
    }
    const text = decodeValue(bytes, start, end).trim();
    this.#conversion.value(text, attribute);
    people?.push(...senderKeys(text, attribute, this.#rules.scope));
  }
}

/** How plain values of an attribute are written; undefined: they have to be looked at more closely. */
function formOf(form: Form, { preset, lookup }: Rules): PlainForm | undefined {
  if (lookup !== "both" || form === "hierarchical") {
    return undefined;
  }
  const isFree = form === "address" || form === "prefixed" || form === "plain";
  // A sender is named by whole addresses alone.
  const bare = (form === "name" || form === "plain") && !namesPeople(preset);
  return { marks: isFree && preset.name !== "domino", bare };
}

/** Whether an attribute has one of some values in lower case; undefined: any. */
function isSaid(values: readonly string[], wanted: readonly string[] | undefined): boolean {
  return wanted === undefined ? values.length > 0 : values.some((value) => wanted.includes(foldAscii(value.trim())));
}

function valuesIn(bytes: Buffer, start: number, end: number): string[] {
  return contentsOf(bytes, start, end, tags.octets).map(([from, to]) => decodeValue(bytes, from, to));
}
