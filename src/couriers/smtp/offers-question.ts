/**
 * Asks next hops that no message has gone to yet what they offer: one that only serves when another one fails would
 * never be known, and after a start nothing is. A connection, EHLO and QUIT.
 */
import { silentLog } from "../../report/log.ts";
import type { Route } from "../contract/routes.ts";
import { connectHop } from "./connect-hop.ts";
import type { HopOffers } from "./hop-offers.ts";
import { findPlaces } from "./hop-places.ts";
import type { NameSources } from "./hop-places.ts";

/** A relay that is at work has seen its hops by then, and asks nobody; ms. */
const firstTime = 5000;
/** Hops that did not answer are asked again after so many ms. */
const nextTime = 60_000;
/** What a hop has for each answer, in ms. */
const answerTime = 10_000;

/** What is asked, and how. */
export interface Asking {
  readonly routes: readonly Route[];
  readonly offers: HopOffers;
  readonly hostname: string;
  readonly names: NameSources;
}

export class OffersQuestion {
  readonly #asking: Asking;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param first ms until hops are asked; then again and again while one is not known */
  constructor(asking: Asking, first: number = firstTime) {
    this.#asking = asking;
    this.#wait(first);
  }

  /** Nobody is asked any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    if (!this.#closed) {
      this.#timer = setTimeout(() => void this.#ask(), ms).unref();
    }
  }

  /** Rejects never: a hop that is not there is not known. */
  async #ask(): Promise<void> {
    for (const route of this.#asking.routes) {
      await this.#askRoute(route);
    }
    const { routes, offers } = this.#asking;
    if (routes.some(({ hops }) => hops.some((hop) => hop.kind !== "mx" && offers.of(hop) === undefined))) {
      this.#wait(nextTime);
    }
  }

  async #askRoute({ hops, tls, timeout }: Route): Promise<void> {
    const { offers, hostname, names } = this.#asking;
    for (const hop of hops) {
      const isKnown = hop.kind === "mx" || offers.of(hop) !== undefined;
      const places = isKnown ? [] : await findPlaces(hop, "", names).catch(() => []);
      for (const place of places) {
        if (this.#closed) {
          return;
        }
        // What is wrong with it is said when a message goes there.
        const way = { tls, timeout: Math.min(timeout, answerTime) };
        const connection = await connectHop(place, hostname, way, silentLog).catch(() => undefined);
        if (connection !== undefined) {
          offers.note(hop, place, connection.features);
          connection.quit();
        }
      }
    }
  }
}
