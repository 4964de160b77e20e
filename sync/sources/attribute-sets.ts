/**
 * Where in the octets of an entry the values of some attributes are. Entries of one search mostly have the same attributes
 * in the same order, so a name is compared with that of the entry before, and seldom read.
 */
import { Latest } from "../../src/mail/latest.ts";
import { decodeValue } from "../entry.ts";
import { contentOf, endOf, tags } from "./elements.ts";
import type { FoundEntry } from "./found-entry.ts";

/** Attributes of an entry, and names, that are remembered. */
const most = 100;

/** What an attribute is, by its name. */
interface Role {
  /** In lower case, without options. */
  readonly name: string;
  /** Its number among those that are looked for; -1: none of them. */
  readonly number: number;
  readonly hasOptions: boolean;
  /** It was noted, with values. */
  isNoted: boolean;
}

/** Of one reading. */
export class AttributeSets {
  readonly #wanted: readonly string[];
  readonly #note: (name: string, hasValues: boolean) => void;
  readonly #roles = new Map<string, Role>();
  readonly #places: Latest<Role>[] = [];
  /** Where values begin and end, by twice the number of their attribute; 0: it is not there. */
  readonly #bounds: Int32Array;

  /**
   * @param wanted names in lower case
   * @param note is called with each name that entries have, in lower case and without options: at least once, and once with
   * values if there are any
   */
  constructor(wanted: readonly string[], note: (name: string, hasValues: boolean) => void) {
    this.#wanted = wanted;
    this.#note = note;
    this.#bounds = new Int32Array(2 * wanted.length);
  }

  /** Looks through an entry. @returns whether each attribute is there once, and whole: none has options */
  find({ bytes, at, end }: FoundEntry): boolean {
    const bounds = this.#bounds.fill(0);
    let isPlain = true;
    let place = 0;
    for (let next = contentOf(bytes, endOf(bytes, at, tags.octets, end)); next < end; place += 1) {
      const type = contentOf(bytes, next);
      next = endOf(bytes, next, tags.sequence, end);
      const set = endOf(bytes, type, tags.octets, next);
      // Not both from an array: V8 makes one, and an object for each of its values, until the code is compiled.
      const start = contentOf(bytes, set);
      const stop = endOf(bytes, set, tags.set, next);
      const role = this.#roleOf(place, bytes, contentOf(bytes, type), set);
      if (!role.isNoted) {
        role.isNoted = stop > start;
        this.#note(role.name, role.isNoted);
      }
      const bound = 2 * role.number;
      isPlain &&= !role.hasOptions && (bound < 0 || bounds[bound] === 0);
      if (bound >= 0 && bounds[bound] === 0 && !role.hasOptions) {
        bounds[bound] = start;
        bounds[bound + 1] = stop;
      }
    }
    return isPlain;
  }

  /** Where the values of an attribute begin in the entry that was looked through last. */
  start(number: number): number {
    return this.#bounds[2 * number] ?? 0;
  }

  /** Where they end; where they begin if there are none. */
  end(number: number): number {
    return this.#bounds[2 * number + 1] ?? 0;
  }

  #roleOf(place: number, bytes: Buffer, start: number, end: number): Role {
    let latest = this.#places[place];
    if (latest === undefined) {
      latest = new Latest((octets, from, to) => this.#readRole(decodeValue(octets, from, to)));
      if (place < most) {
        this.#places.push(latest);
      }
    }
    return latest.of(bytes, start, end);
  }

  #readRole(type: string): Role {
    const known = this.#roles.get(type);
    if (known !== undefined) {
      return known;
    }
    const hasOptions = type.includes(";");
    const name = (type.split(";", 1)[0] ?? "").toLowerCase();
    const role = { name, number: this.#wanted.indexOf(name), hasOptions, isNoted: false };
    if (this.#roles.size < most && type.length <= most) {
      this.#roles.set(type, role);
    }
    return role;
  }
}
