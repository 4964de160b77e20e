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
  #version = 0;

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

  /** What a hop is known to offer at every address; undefined: it was not seen yet. */
  of(hop: NextHop): Offered | undefined {
    const [first, ...more] = hop.kind === "mx" ? [] : (this.#hops.get(nameOf(hop))?.values() ?? []);
    return first && more.reduce(both, first);
  }
}

/** What every one of these hops is known to offer: nothing while one was not seen. Looked up again only after news. */
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
