/** A service that failed three times in a row is left alone for ten seconds; then one question tries it. */

const failuresToRest = 3;
/** ms */
const rest = 10_000;

export class Breaker {
  readonly #now: () => number;
  #failures = 0;
  #restsUntil = 0;
  /** One question is under way to see whether the service is back. */
  #trying = false;

  /** @param now ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether the service may be asked. Each question that may is ended by one of the other three. */
  admit(): boolean {
    if (this.#failures < failuresToRest) {
      return true;
    }
    if (this.#trying || this.#now() < this.#restsUntil) {
      return false;
    }
    this.#trying = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#trying = false;
  }

  failed(): void {
    this.#failures++;
    this.#restsUntil = this.#now() + rest;
    this.#trying = false;
  }

  /** Ended without a word on the service. */
  withdrew(): void {
    this.#trying = false;
  }
}
