/** How many connections per client may make within a time; qpsmtpd's connection_shaper. Times in ms. */
import { clientNetwork } from "../mail/client-network.ts";
import { readIpEntries } from "../mail/ip-entry.ts";
import type { IpEntries } from "../mail/ip-entry.ts";
import { Counts } from "../state/counts.ts";
import type { Later } from "../state/store.ts";

/** `[limits] connection_rate`, and whom it leaves alone. */
export interface ConnectionRateSettings {
  /** Undefined: no limit. */
  readonly rate: { readonly count: number; readonly window: number } | undefined;
  readonly exempt: readonly string[];
}

/** Clients that are counted at a time, some 15 MB; beyond it the longest silent is forgotten. */
const mostClients = 50_000;
/** The longest window that the settings allow. */
const longestWindow = 86_400_000;

/** The counts, which outlive a reload. @param now ms of a clock that never goes back */
export function createConnectionCounts(now: () => number = () => performance.now()): Counts {
  return new Counts({ name: "connection_rate", ttl: longestWindow, most: mostClients }, now);
}

/** The limit of one configuration. */
export class ConnectionRate {
  readonly #rate: ConnectionRateSettings["rate"];
  readonly #exempt: IpEntries<true> | undefined;
  readonly #counts: Counts;

  constructor({ rate, exempt }: ConnectionRateSettings, counts: Counts) {
    this.#rate = rate;
    this.#counts = counts;
    this.#exempt = readIpEntries(exempt);
  }

  /** Whether there is a limit at all. */
  get isOn(): boolean {
    return this.#rate !== undefined;
  }

  /** Counts a connection, and says whether it is one too many. Never rejects. @param variables of the client's rule */
  exceeds(ip: string, variables: ReadonlyMap<string, unknown>): Later<boolean> {
    const rate = this.#rate;
    const isExempt = variables.has("RELAYCLIENT") || variables.has("NOGOODMAILTO") || this.#exempt?.find(ip) === true;
    if (rate === undefined || isExempt) {
      return false;
    }
    const tally = this.#counts.add(clientNetwork(ip), rate.window);
    return tally instanceof Promise ? tally.then(({ count }) => count > rate.count) : tally.count > rate.count;
  }
}
