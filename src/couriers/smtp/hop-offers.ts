/** What next hops offer in EHLO, as far as this process has seen: it decides what the relay may offer. */
import { nothingOffered } from "../../mail/courier.ts";
import type { Offered } from "../../mail/courier.ts";
import { formatHop } from "../../mail/hop-endpoint.ts";
import type { HopEndpoint } from "../../mail/hop-endpoint.ts";
import type { NextHop } from "../../mail/next-hop.ts";

/** Addresses of one hop that are remembered, the last ones seen: DNS may always name others. */
const most = 32;

/** What one server offers. RFC 6531 3.1: SMTPUTF8 is none without 8BITMIME. */
function offeredIn(features: ReadonlyMap<string, string>): Offered {
  return { dsn: features.has("DSN"), smtputf8: features.has("SMTPUTF8") && features.has("8BITMIME") };
}

/**
 * Of a hop that was asked and has not said yet. Whoever needs SMTPUTF8 gives up for good where it is not offered, and
 * tries again where the relay offers it and cannot reach the hop. A report that nobody promised is none that is lost.
 */
const unheard: Offered = { dsn: false, smtputf8: true };

/** What both offer. */
function both(one: Offered, other: Offered): Offered {
  return { dsn: one.dsn && other.dsn, smtputf8: one.smtputf8 && other.smtputf8 };
}

function nameOf(hop: NextHop & { kind: "host" }): string {
  return `${hop.scheme} ${formatHop(hop.endpoint)}`;
}

/** What each hop offered when it was last connected to. Outlives a reload of the configuration. */
export class HopOffers {
  /** Hop → its address → what is offered there. */
  readonly #hops = new Map<string, Map<string, Offered>>();
  /** Those that were asked. */
  readonly #asked = new Set<string>();
  #version = 0;
  /** How long a start waits for what hops offer, in ms; 0: it does not wait, and they are asked later. */
  readonly patience: number;

  /** @param patience see {@link HopOffers.patience} */
  constructor(patience = 0) {
    this.patience = patience;
  }

  /** Another one: something is known that was not. */
  get version(): number {
    return this.#version;
  }

  /** Notes the EHLO keywords of a connection. The hosts behind `mx` are never all known. */
  note(hop: NextHop, endpoint: HopEndpoint, features: ReadonlyMap<string, string>): void {
    if (hop.kind === "mx") {
      return;
    }
    const [name, place, offered] = [nameOf(hop), formatHop(endpoint), offeredIn(features)];
    const places = this.#hops.get(name) ?? new Map<string, Offered>();
    this.#hops.set(name, places);
    const before = places.get(place);
    if (before?.dsn === offered.dsn && before.smtputf8 === offered.smtputf8) {
      return;
    }
    const [oldest] = places.keys();
    if (before === undefined && places.size >= most && oldest !== undefined) {
      places.delete(oldest);
    }
    places.set(place, offered);
    this.#version++;
  }

  /** A hop of which nothing is known is asked now. */
  ask(hop: NextHop): void {
    if (hop.kind !== "mx" && !this.#asked.has(nameOf(hop))) {
      this.#asked.add(nameOf(hop));
      this.#version++;
    }
  }

  /** Whether a hop was seen. */
  knows(hop: NextHop): boolean {
    return hop.kind !== "mx" && this.#hops.has(nameOf(hop));
  }

  /** What a hop is known to offer at every address, or is taken to offer; undefined: nobody has asked it yet. */
  of(hop: NextHop): Offered | undefined {
    if (hop.kind === "mx") {
      return undefined;
    }
    const name = nameOf(hop);
    const [first, ...more] = this.#hops.get(name)?.values() ?? [];
    return first === undefined ? (this.#asked.has(name) ? unheard : undefined) : more.reduce(both, first);
  }
}

/** What every one of these hops offers: nothing while one was not asked. Looked up again only after news. */
export function offeredByAll(hops: readonly NextHop[], offers: HopOffers): () => Offered {
  let version = -1;
  let common = nothingOffered;
  return () => {
    if (version !== offers.version) {
      version = offers.version;
      const [first = nothingOffered, ...more] = hops.map((hop) => offers.of(hop) ?? nothingOffered);
      common = more.reduce(both, first);
    }
    return common;
  };
}
