/**
 * What was made of some octets last, for octets that hardly ever change from one to the next: the classes of an entry, the
 * domain of an address. They are compared, and not read again.
 */

/** Octets that are kept; longer ones are read each time. */
const maxKept = 1024;

/** Remembers one. */
export class Latest<Made> {
  readonly #make: (bytes: Buffer, start: number, end: number) => Made;
  readonly #octets: Buffer = Buffer.alloc(maxKept);
  #length = 0;
  #made: Made;

  /** @param make gives the same of equal octets, whatever is around them */
  constructor(make: (bytes: Buffer, start: number, end: number) => Made) {
    this.#make = make;
    this.#made = make(this.#octets, 0, 0);
  }

  /** What is made of the octets from one place to another. */
  of(bytes: Buffer, start: number, end: number): Made {
    if (this.#isSame(bytes, start, end)) {
      return this.#made;
    }
    const made = this.#make(bytes, start, end);
    if (end - start <= maxKept) {
      bytes.copy(this.#octets, 0, start, end);
      this.#length = end - start;
      this.#made = made;
    }
    return made;
  }

  #isSame(bytes: Buffer, start: number, end: number): boolean {
    if (end - start !== this.#length) {
      return false;
    }
    const octets = this.#octets;
    // From the end, where names differ.
    for (let at = this.#length - 1; at >= 0; at -= 1) {
      if (bytes[start + at] !== octets[at]) {
        return false;
      }
    }
    return true;
  }
}
