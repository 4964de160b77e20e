/**
 * Connections to next hops: kept for the next message where the last one ended well, and not even tried for
 * some seconds where the hop just failed, instead of holding every session for the full time limit.
 */
import type { Log } from "../report/log.ts";
import { HopConnection } from "./hop-connection.ts";
import type { HopEndpoint } from "../mail/hop-endpoint.ts";
import { HopFault } from "./hop-fault.ts";
import type { MailExchangers } from "../dns/mail-exchangers.ts";
import type { Route } from "./routes.ts";

/** A dead hop is not tried again for so long, in ms. */
const restTime = 5000;
/** An unused connection is closed after so long, in ms: less than any server's own limit. */
const idleTime = 10_000;
/** Unused connections kept for one route. */
const maxIdle = 100;
/** Messages on one connection; then a fresh one. */
const maxUses = 500;

const ownFaults: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]);

export class HopPool {
  readonly #hostname: string;
  readonly #exchangers: MailExchangers;
  readonly #log: Log;
  /** Route key → connections not in use, the last one used last; no key has an empty list. */
  readonly #idle = new Map<string, { connection: HopConnection; timer: NodeJS.Timeout }[]>();
  /** Endpoint → the moment (monotonic, ms) until which it rests. Bounded by the endpoints of our routes. */
  readonly #resting = new Map<string, { until: number; why: string }>();
  #closed = false;

  constructor(hostname: string, exchangers: MailExchangers, log: Log) {
    this.#hostname = hostname;
    this.#exchangers = exchangers;
    this.#log = log;
  }

  /** A connection that is not in use; undefined where a fresh one must be opened. */
  reuse(route: Route): HopConnection | undefined {
    const kept = this.#idle.get(route.key)?.at(-1)?.connection;
    if (kept === undefined) {
      return undefined;
    }
    this.#take(route, kept);
    return kept.alive ? kept : this.reuse(route);
  }

  /** Out of the list of those not in use. */
  #take(route: Route, connection: HopConnection): void {
    const list = this.#idle.get(route.key) ?? [];
    const at = list.findIndex((kept) => kept.connection === connection);
    clearTimeout(list[at]?.timer);
    list.splice(at, at < 0 ? 0 : 1);
    // mx routes have a key for each domain: the map must not keep them all.
    if (list.length === 0) {
      this.#idle.delete(route.key);
    }
    connection.onGone = undefined;
  }

  /** Opens a fresh connection. @throws HopFault where no endpoint of the route could be used */
  async open(route: Route, domain: string): Promise<HopConnection> {
    let fault = new HopFault(`Cannot route "${domain}": no mail exchanger`);
    for (const endpoint of await this.#endpoints(route, domain)) {
      const name = nameOf(endpoint);
      const rest = this.#resting.get(name);
      if (rest !== undefined && rest.until > performance.now()) {
        fault = new HopFault(`${name} rests: ${rest.why}`);
        continue;
      }
      if (rest !== undefined) {
        // One tries whether it is back; the others do not wait with it.
        this.#resting.set(name, { ...rest, until: performance.now() + route.timeout });
      }
      try {
        const connection = await this.#connect(endpoint, route);
        this.#resting.delete(name);
        return connection;
      } catch (error) {
        fault = error instanceof HopFault ? error : new HopFault(String(error), { cause: error });
        if (isOurOwn(fault)) {
          this.#log.error("next-hop", "cannot connect for want of our own resources", {
            hop: name,
            why: fault.message,
          });
          this.#resting.delete(name);
        } else {
          this.rest(endpoint, fault);
        }
      }
    }
    throw fault;
  }

  async #connect(endpoint: HopEndpoint, route: Route): Promise<HopConnection> {
    try {
      return await HopConnection.open(endpoint, this.#hostname, route.tls, route.timeout);
    } catch (error) {
      // Opportunistic means: mail goes out even if the hop's TLS is broken (RFC 7435), on a connection of its own.
      if (route.tls.mode === "opportunistic" && error instanceof HopFault && error.duringTls) {
        this.#log.warning("next-hop", "TLS failed, going on without", {
          hop: endpoint.host,
          why: (error as Error).message,
        });
        return HopConnection.open(endpoint, this.#hostname, { ...route.tls, mode: "off" }, route.timeout);
      }
      throw error;
    }
  }

  async #endpoints(route: Route, domain: string): Promise<readonly HopEndpoint[]> {
    if (route.hop.kind === "host") {
      return [route.hop.endpoint];
    }
    try {
      return await this.#exchangers.find(domain);
    } catch (error) {
      throw new HopFault(`Cannot find the mail exchangers of "${domain}": ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Leaves a hop alone for some seconds: connections to it that are kept are of no use either. */
  rest(endpoint: HopEndpoint, fault: HopFault): void {
    const name = nameOf(endpoint);
    // mx routes name endpoints that strangers' DNS chose: the table must not grow with them.
    if (this.#resting.size > 1000) {
      this.#resting.clear();
    }
    this.#resting.set(name, { until: performance.now() + restTime, why: fault.message });
    this.#log.error("next-hop", "unusable", { hop: name, why: fault.message, rest_ms: restTime });
    for (const { connection } of [...this.#idle.values()].flat()) {
      if (nameOf(connection.endpoint) === name) {
        connection.onGone?.();
      }
    }
  }

  /** Takes a connection back whose transaction ended well. */
  release(route: Route, connection: HopConnection): void {
    const list = this.#idle.get(route.key) ?? [];
    if (this.#closed || !connection.alive || list.length >= maxIdle || connection.used >= maxUses) {
      connection.quit();
      return;
    }
    const drop = (): void => {
      this.#take(route, connection);
      connection.quit();
    };
    connection.onGone = drop;
    list.push({ connection, timer: setTimeout(drop, idleTime).unref() });
    this.#idle.set(route.key, list);
  }

  /** Closes what is not in use; what is, closes when it is released. */
  close(): void {
    this.#closed = true;
    for (const { connection } of [...this.#idle.values()].flat()) {
      connection.onGone?.();
    }
  }
}

/** Whether a connection failed for what this machine lacks: descriptors, ports, memory. The hop may be well. */
function isOurOwn({ cause }: HopFault): boolean {
  return ownFaults.has((cause as NodeJS.ErrnoException | undefined)?.code ?? "");
}

function nameOf({ host, port }: HopEndpoint): string {
  return `${host}:${port}`;
}
