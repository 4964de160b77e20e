/**
 * What is known of the places of next hops: open connections, the last success, and the rest after a failure.
 * A hop that takes no more connections is not dead: it rests only if no connection of the relay is open and its last success is old.
 */

import type { HopState } from "../../mail/courier.ts";

/** A dead hop is not tried again for this long, in ms. */
export const restTime = 5000;
/** A success is this fresh, in ms, that a failure right after it does not mean a dead hop. */
const freshTime = 5000;
/** Places that are remembered without a connection; under mx, foreign DNS chooses them. */
const most = 1000;

interface Place {
  /** Our connections to it, in use or kept. */
  standing: number;
  /** When it last opened a connection or ended a transaction well; monotonic, ms. */
  good: number;
  rest: { readonly until: number; readonly why: string } | undefined;
  /** When it was last logged that it is full. */
  told: number;
}

/** What a failure came to. */
export type Failed =
  | { readonly kind: "rests" }
  /** It may take a connection as soon as another one ends; `tell`: it has not been logged yet. */
  | { readonly kind: "full"; readonly tell: boolean };

export class HopHealth {
  readonly #places = new Map<string, Place>();

  #place(name: string): Place {
    let place = this.#places.get(name);
    if (place === undefined) {
      if (this.#places.size >= most) {
        this.#forget();
      }
      place = { standing: 0, good: Number.NEGATIVE_INFINITY, rest: undefined, told: Number.NEGATIVE_INFINITY };
      this.#places.set(name, place);
    }
    return place;
  }

  #forget(): void {
    for (const [name, { standing }] of this.#places) {
      if (standing === 0) {
        this.#places.delete(name);
      }
    }
  }

  /** Why it is not to be tried now; undefined: it may be. At the end of its rest, one tries while the others wait. */
  resting(name: string, timeout: number): string | undefined {
    const rest = this.#places.get(name)?.rest;
    if (rest === undefined) {
      return undefined;
    }
    if (rest.until > performance.now()) {
      return rest.why;
    }
    this.#place(name).rest = { ...rest, until: performance.now() + timeout };
    return undefined;
  }

  /** What is known of each. */
  states(): HopState[] {
    const now = performance.now();
    return [...this.#places].map(([hop, { standing, rest }]) => {
      const rests = rest !== undefined && rest.until > now ? rest.why : null;
      return { hop, connections: standing, rests };
    });
  }

  /** A connection was opened. */
  opened(name: string): void {
    const place = this.#place(name);
    place.standing++;
    place.good = performance.now();
    place.rest = undefined;
  }

  /** It ended a transaction well. */
  good(name: string): void {
    this.#place(name).good = performance.now();
  }

  /** A connection is gone. */
  closed(name: string): void {
    this.#place(name).standing--;
  }

  /** A failure that says nothing of the hop: what was known before holds. */
  undecided(name: string): void {
    const place = this.#places.get(name);
    if (place !== undefined) {
      place.rest = undefined;
    }
  }

  /** No connection could be opened. @param sure no other connection can change that */
  failed(name: string, why: string, sure = false): Failed {
    const place = this.#place(name);
    const now = performance.now();
    if (!sure && (place.standing > 0 || now - place.good < freshTime)) {
      place.rest = undefined;
      const tell = now - place.told >= restTime;
      place.told = tell ? now : place.told;
      return { kind: "full", tell };
    }
    place.rest = { until: now + restTime, why };
    return { kind: "rests" };
  }
}
