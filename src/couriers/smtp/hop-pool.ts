/**
 * Connections to next hops: kept for the next message where the last one ended well, opened at the first address
 * that takes one, and waited for where a hop is full. RFC 5321 5.1.
 */
import { errorCode } from "../../report/error-message.ts";
import { findAddresses } from "../../dns/addresses.ts";
import type { MailExchangers } from "../../dns/mail-exchangers.ts";
import type { HopState } from "../../mail/courier.ts";
import { formatHop } from "../../mail/hop-endpoint.ts";
import type { HopEndpoint } from "../../mail/hop-endpoint.ts";
import type { Log } from "../../report/log.ts";
import { connectHop } from "./connect-hop.ts";
import type { HopConnection } from "./hop-connection.ts";
import { usesOf } from "./hop-limits.ts";
import { HopFault } from "./hop-fault.ts";
import { HopHealth, restTime } from "./hop-health.ts";
import { HopOffers } from "./hop-offers.ts";
import { findPlaces } from "./hop-places.ts";
import type { NameSources } from "./hop-places.ts";
import { HopQueue } from "./hop-queue.ts";
import type { Route } from "../contract/routes.ts";

/** An unused connection is closed after this long, in ms: less than any server's own limit. */
const idleTime = 10_000;
/** Unused connections kept for one route. */
const maxIdle = 100;
/** After this many ms no further address is tried: the client waits for 5 minutes. RFC 5321 4.5.3.2.3. */
const searchTime = 240_000;

const ownFaults: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);

/** What one go at all addresses of a route came to. */
type Search =
  | { readonly kind: "open"; readonly connection: HopConnection }
  /** `full`: one of them may take a connection in a moment. */
  | { readonly kind: "failed"; readonly fault: HopFault; readonly full: boolean };

export class HopPool {
  readonly #hostname: string;
  readonly #names: NameSources;
  readonly #log: Log;
  readonly #offers: HopOffers;
  /** Route key → connections not in use, the last one used last; no key has an empty list. */
  readonly #idle = new Map<string, { connection: HopConnection; timer: NodeJS.Timeout }[]>();
  readonly #health = new HopHealth();
  readonly #queue = new HopQueue();
  #closed = false;

  constructor(
    hostname: string,
    exchangers: MailExchangers,
    log: Log,
    addresses = findAddresses,
    offers = new HopOffers(),
  ) {
    this.#hostname = hostname;
    this.#names = { exchangers, addresses };
    this.#log = log;
    this.#offers = offers;
  }

  /** A connection that is not in use; undefined if a fresh one must be opened. */
  reuse(route: Route): HopConnection | undefined {
    const kept = this.#idle.get(route.key)?.at(-1)?.connection;
    if (kept === undefined) {
      return undefined;
    }
    this.take(route.key, kept);
    return kept.alive ? kept : this.reuse(route);
  }

  /** Takes a connection out of the list of those not in use. @returns whether it was there */
  take(key: string, connection: HopConnection): boolean {
    const list = this.#idle.get(key) ?? [];
    const at = list.findIndex((kept) => kept.connection === connection);
    if (at < 0) {
      return false;
    }
    clearTimeout(list[at]?.timer);
    list.splice(at, 1);
    // mx routes have a key for each domain: the map must not keep them all.
    if (list.length === 0) {
      this.#idle.delete(key);
    }
    connection.onGone = undefined;
    return true;
  }

  /**
   * Opens a connection, or takes over one of another session if the hop is full.
   * @param wanted whether its client is still there
   * @throws HopFault if no endpoint of the route could be used
   */
  async open(route: Route, domain: string, wanted: () => boolean = () => true): Promise<HopConnection> {
    if (this.#queue.waits(route.key)) {
      return this.#wait(route, domain, wanted, new HopFault("The next hop is full, and others wait for it"));
    }
    const found = await this.#search(route, domain);
    if (found.kind === "open") {
      return found.connection;
    }
    if (!found.full) {
      throw found.fault;
    }
    return this.#wait(route, domain, wanted, found.fault);
  }

  async #wait(route: Route, domain: string, wanted: () => boolean, first: HopFault): Promise<HopConnection> {
    let fault = first;
    const end = performance.now() + route.timeout;
    const ticket = this.#queue.join(route.key, wanted);
    try {
      while (wanted() && performance.now() < end) {
        const given = await ticket.wait();
        if (given?.alive === true) {
          return given;
        }
        if (!ticket.first || !wanted()) {
          continue;
        }
        const found = await this.#search(route, domain);
        if (found.kind === "open") {
          return found.connection;
        }
        fault = found.fault;
        if (!found.full) {
          break;
        }
      }
      throw fault;
    } finally {
      this.#queue.leave(route.key, ticket);
    }
  }

  /** Tries one address after the other. */
  async #search(route: Route, domain: string): Promise<Search> {
    let fault = new HopFault(`Cannot route "${domain}": no mail exchanger`);
    let full = false;
    const end = performance.now() + searchTime;
    for (const hop of route.hops) {
      const endpoints = await findPlaces(hop, domain, this.#names).catch((error: unknown) => asFault(error));
      if (endpoints instanceof HopFault) {
        fault = endpoints;
        continue;
      }
      for (const endpoint of endpoints) {
        if (performance.now() > end) {
          break;
        }
        const outcome = await this.#try(endpoint, route);
        if (outcome.kind === "open") {
          this.#offers.note(hop, endpoint, outcome.connection.features);
          return outcome;
        }
        fault = outcome.fault;
        full ||= outcome.full;
        if (fault.ourselves) {
          // RFC 5321 5.1: those behind ourselves would send it back to the relay.
          break;
        }
      }
    }
    return { kind: "failed", fault, full };
  }

  async #try(endpoint: HopEndpoint, route: Route): Promise<Search> {
    const name = formatHop(endpoint);
    const why = this.#health.resting(name, route.timeout);
    if (why !== undefined) {
      return { kind: "failed", fault: new HopFault(`${name} rests: ${why}`), full: false };
    }
    try {
      const connection = await connectHop(endpoint, this.#hostname, route, this.#log);
      this.#health.opened(name);
      connection.onClosed = () => this.#health.closed(name);
      const verb = route.forwards?.toUpperCase() ?? "OFF";
      if (verb !== "OFF" && !connection.features.has(verb)) {
        this.#log.warning("next-hop", `does not offer ${verb}, it takes the relay for the client`, { hop: name });
      }
      connection.refused.forEach((text) => this.#log.info("next-hop", "refused", { hop: name, said: text }));
      return { kind: "open", connection };
    } catch (error) {
      const fault = asFault(error);
      return { kind: "failed", fault, full: this.#failed(name, route.key, fault) };
    }
  }

  /** Notes a failure. @returns whether the place may take a connection in a moment */
  #failed(name: string, key: string, fault: HopFault): boolean {
    const facts = { hop: name, why: fault.message };
    if (isOurOwn(fault)) {
      this.#log.error("next-hop", "cannot connect, local resources exhausted", facts);
      this.#health.undecided(name);
      return false;
    }
    const failed = this.#health.failed(name, fault.message, fault.ourselves);
    if (failed.kind === "rests") {
      this.#log.error("next-hop", "unusable", { ...facts, rest_ms: restTime });
      return false;
    }
    if (failed.tell) {
      this.#log.warning("next-hop", "takes no further connection", facts);
    }
    this.#makeRoom(name, key);
    return !fault.lasting;
  }

  /** Closes a connection to a full place that another route keeps. */
  #makeRoom(name: string, key: string): void {
    for (const [other, kept] of this.#idle) {
      const connection = kept.find((each) => formatHop(each.connection.endpoint) === name)?.connection;
      if (other !== key && connection !== undefined) {
        connection.onGone?.();
        return;
      }
    }
  }

  /** Takes a connection back whose transaction ended well. */
  release(route: Route, connection: HopConnection): void {
    if (connection.alive) {
      this.#health.good(formatHop(connection.endpoint));
    }
    const list = this.#idle.get(route.key) ?? [];
    if (this.#closed || !connection.alive || list.length >= maxIdle || connection.used >= usesOf(connection.features)) {
      connection.quit();
      return;
    }
    if (this.#queue.give(route.key, connection)) {
      return;
    }
    const drop = (): void => {
      this.take(route.key, connection);
      connection.quit();
    };
    connection.onGone = drop;
    list.push({ connection, timer: setTimeout(drop, idleTime).unref() });
    this.#idle.set(route.key, list);
  }

  /** The places that were tried, and how they are. */
  states(): HopState[] {
    return this.#health.states();
  }

  /** Closes what is not in use; what is, closes when it is released. */
  close(): void {
    this.#closed = true;
    for (const { connection } of [...this.#idle.values()].flat()) {
      connection.onGone?.();
    }
  }
}

function asFault(error: unknown): HopFault {
  return error instanceof HopFault ? error : new HopFault(String(error), { cause: error });
}

/** Whether a connection failed for what this machine lacks: descriptors, ports, memory. The hop may be well. */
function isOurOwn({ cause }: HopFault): boolean {
  return ownFaults.has(errorCode(cause));
}
