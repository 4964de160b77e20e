/** A value made of files, made again when one of them changes; the last good one stays while they are bad. */
import { versionOf } from "./list-reader.ts";
import { errorMessage } from "../report/error-message.ts";

/** Looked at no more often than this, in ms. */
const lookEvery = 1000;

/** A value, and the paths whose change makes another one. */
export interface Made<T> {
  readonly value: T;
  readonly looked: readonly string[];
}

/** A value read from files, and read again when they change. */
export class Watched<T> {
  readonly #make: () => Made<T>;
  readonly #now: () => number;
  readonly #fault: (why: string) => void;
  #value: T;
  #looked: readonly string[];
  #versions: string | undefined;
  #complaint = "";
  #lookedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param first until there is a good one; made from nothing
   * @param looked what to look at before anything was made
   * @param fault is called once for each error, not once per second
   */
  constructor(
    first: T,
    looked: readonly string[],
    make: () => Made<T>,
    now: () => number,
    fault: (why: string) => void,
  ) {
    this.#value = first;
    this.#looked = looked;
    this.#make = make;
    this.#now = now;
    this.#fault = fault;
  }

  /** The value, from files as they were at most a second ago. */
  current(): T {
    const now = this.#now();
    // A clock that was set back must not keep an old list for hours.
    if (this.#looked.length > 0 && (now - this.#lookedAt >= lookEvery || now < this.#lookedAt)) {
      this.#lookedAt = now;
      this.#look();
    }
    return this.#value;
  }

  #look(): void {
    const before = this.#looked.map(versionOf);
    const versions = before.join(" ");
    if (versions === this.#versions) {
      return;
    }
    this.#versions = versions;
    try {
      const { value, looked } = this.#make();
      this.#value = value;
      // A file that changes while it is read changes again for the next look: versions are from before the reading, but
      // for files that were not known then.
      const known = new Map(this.#looked.map((path, at) => [path, before[at]]));
      this.#looked = looked;
      this.#versions = looked.map((path) => known.get(path) ?? versionOf(path)).join(" ");
      this.#complaint = "";
    } catch (error) {
      // Tried again: the cause may be in a file that is not known yet.
      this.#versions = undefined;
      this.#complain(errorMessage(error));
    }
  }

  #complain(complaint: string): void {
    if (complaint !== this.#complaint) {
      this.#complaint = complaint;
      this.#fault(complaint);
    }
  }
}
