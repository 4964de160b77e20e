/**
 * Asks next hops that no message has gone to yet what they offer: one that only serves when another one fails would
 * never be known, and after a start nothing is. A connection, EHLO and QUIT.
 */
import { silentLog } from "../../report/log.ts";
import type { NextHop } from "../../mail/next-hop.ts";
import type { Route } from "../contract/routes.ts";
import { connectHop } from "./connect-hop.ts";
import type { HopOffers } from "./hop-offers.ts";
import { findPlaces } from "./hop-places.ts";
import type { NameSources } from "./hop-places.ts";

/** Where no start waits for it: a relay that is at work has seen its hops by then, and asks nobody; ms. */
const firstTime = 5000;
/** Hops that did not answer are asked again after so many ms. */
const nextTime = 60_000;
/** What a hop has for each answer, in ms. */
const answerTime = 10_000;
/** Hops that are asked at a time. */
const mostAtOnce = 32;

/** What is asked, and how. */
export interface Asking {
  readonly routes: readonly Route[];
  readonly offers: HopOffers;
  readonly hostname: string;
  readonly names: NameSources;
}

/** A hop, and how it is reached. */
interface Asked {
  readonly hop: NextHop;
  readonly route: Route;
}

export class OffersQuestion {
  readonly #asking: Asking;
  readonly #first: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Asks at once if a start waits for it, and then again and again while a hop is not known. */
  constructor(asking: Asking) {
    this.#asking = asking;
    if (asking.offers.patience > 0) {
      this.#first = this.#ask();
    } else {
      this.#wait(firstTime);
    }
  }

  /** Resolves when every hop has answered or failed, or the patience of the start is over. */
  async heard(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#asking.offers.patience);
    });
    await Promise.race([this.#first, late]);
    clearTimeout(timer);
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
    const queue = this.#unknown();
    queue.forEach(({ hop }) => this.#asking.offers.ask(hop));
    const lane = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && !this.#closed; next = queue.shift()) {
        await this.#askHop(next);
      }
    };
    await Promise.all(Array.from({ length: Math.min(mostAtOnce, queue.length) }, lane));
    if (this.#unknown().length > 0) {
      this.#wait(nextTime);
    }
  }

  /** Each once, by the first route that leads there. */
  #unknown(): Asked[] {
    const { routes, offers } = this.#asking;
    const all = routes.flatMap((route) => route.hops.map((hop) => ({ hop, route })));
    const unknown = all.filter(({ hop }) => hop.kind !== "mx" && !offers.knows(hop));
    return [...new Map(unknown.toReversed().map((asked) => [JSON.stringify(asked.hop), asked])).values()];
  }

  async #askHop({ hop, route: { tls, timeout } }: Asked): Promise<void> {
    const { offers, hostname, names } = this.#asking;
    const places = await findPlaces(hop, "", names).catch(() => []);
    // What is wrong with it is said when a message goes there.
    const way = { tls, timeout: Math.min(timeout, answerTime) };
    await Promise.all(
      places.map(async (place) => {
        const connection = await connectHop(place, hostname, way, silentLog).catch(() => undefined);
        if (connection !== undefined) {
          offers.note(hop, place, connection.features);
          connection.quit();
        }
      }),
    );
  }
}
