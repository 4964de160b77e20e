/**
 * Whether DNS lists of addresses do their work, by the test points of RFC 5782 5: 127.0.0.2 is in every list, 127.0.0.1
 * in none; ::FFFF:7F00:2 and ::FFFF:7F00:1 are the same for IPv6. A list that was given up often lists everybody, or
 * nobody. Asked at the first question and then once an hour; a point that cannot be asked changes nothing.
 */
import { isIPv6 } from "node:net";

import { normalIp } from "../mail/network.ts";
import type { Log } from "../report/log.ts";
import type { DnsAnswer } from "./answer.ts";
import { askList } from "./list-lookup.ts";
import type { ListAnswer } from "./list-lookup.ts";
import { readCode } from "./lists.ts";
import type { DnsListSource } from "./lists.ts";
import type { Dns } from "./resolver.ts";

/** Between two rounds of questions, ms. */
const askAgain = 3_600_000;
/** ::FFFF:7F00:n without its last label; written out, as an address it would be taken for its IPv4 form. */
const mapped = `0.0.0.0.0.f.7.f.f.f.f${".0".repeat(20)}`;
const points = {
  v4: ["1.0.0.127", "2.0.0.127"],
  v6: [`1.${mapped}`, `2.${mapped}`],
} as const;

/** For which clients a list is to be asked. */
interface Use {
  readonly v4: boolean;
  readonly v6: boolean;
  /** What is wrong with it; "" is nothing. */
  readonly fault: string;
}

interface State {
  use: Use;
  round: Promise<void> | undefined;
  isFirst: boolean;
  asked: number;
}

const good: Use = { v4: true, v6: true, fault: "" };

/** Watches the lists that it is asked about; their number is that of the settings. */
export class ListHealth {
  readonly #dns: Dns;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #states = new Map<string, State>();

  /** @param now ms */
  constructor(dns: Dns, log: Log, now: () => number) {
    this.#dns = dns;
    this.#log = log;
    this.#now = now;
  }

  /**
   * Whether a list may speak about a client; waits only for the very first answer about the list, which has the
   * deadline of DNS questions.
   */
  isUsable(zone: string, client: string): boolean | Promise<boolean> {
    const state = this.#current(zone);
    const answer = (): boolean => (isIPv6(normalIp(client)) ? state.use.v6 : state.use.v4);
    return state.isFirst && state.round !== undefined ? state.round.then(answer) : answer();
  }

  /** Begins to ask about a list, without waiting. */
  begin(zone: string): void {
    this.#current(zone);
  }

  #current(zone: string): State {
    const now = this.#now();
    const state = this.#states.get(zone) ?? { use: good, round: undefined, isFirst: true, asked: -Infinity };
    this.#states.set(zone, state);
    // A clock that was set back must not put the next round off for hours.
    if (state.round === undefined && (now - state.asked >= askAgain || now < state.asked)) {
      state.asked = now;
      state.round = this.#ask(zone).then((use) => {
        this.#take(zone, state, use);
        state.round = undefined;
        state.isFirst = false;
      });
    }
    return state;
  }

  async #ask(zone: string): Promise<Use | undefined> {
    const names = [...points.v4, ...points.v6].map((labels) => `${labels}.${zone}`);
    const [none4, test4, none6, test6] = await Promise.all(
      names.map(async (name) => isListed(await this.#dns.a(name))),
    );
    if (none4 === true || none6 === true) {
      const both = none4 === true ? "127.0.0.1" : "::FFFF:7F00:1";
      return { v4: none4 !== true, v6: none6 !== true, fault: `it lists every address: ${both} is listed` };
    }
    if (test4 === false && test6 === false) {
      return { v4: false, v6: false, fault: "it lists no address: 127.0.0.2 and ::FFFF:7F00:2 are not listed" };
    }
    // A list of IPv4 addresses alone has no IPv6 test point, and the other way round.
    return [none4, test4, none6, test6].includes(undefined) ? undefined : good;
  }

  #take(zone: string, state: State, use: Use | undefined): void {
    if (use === undefined) {
      return;
    }
    if (use.fault !== "") {
      this.#log.error("dns", "list is left out", { zone, why: use.fault });
    } else if (state.use.fault !== "") {
      this.#log.warning("dns", "list is asked again", { zone });
    }
    state.use = use;
  }
}

/** Undefined if that cannot be determined. */
function isListed(answer: DnsAnswer<string>): boolean | undefined {
  switch (answer.kind) {
    case "found":
      return answer.values.some((address) => readCode(address) === "listed") ? true : undefined;
    case "absent":
      return false;
    case "failed":
      return undefined;
  }
}

/** One for each resolver: listeners share what is known of a list. */
const healths = new WeakMap<Dns, ListHealth>();

/** The health of the lists that are asked through a resolver. */
export function healthOf(dns: Dns, log: Log, now: () => number): ListHealth {
  const health = healths.get(dns) ?? new ListHealth(dns, log, now);
  healths.set(dns, health);
  return health;
}

const absent: ListAnswer = { kind: "absent" };

/** What a list says of an address; a list that is found to be out of order lists nobody. @param health undefined: it is not asked about */
export function askSoundList(
  dns: Dns,
  health: ListHealth | undefined,
  source: DnsListSource,
  ip: string,
): ListAnswer | Promise<ListAnswer> {
  return ifSound(health, source.zone, ip, askList(dns, source, ip));
}

/** The answer of a list about an address, unless the list is out of order. */
export function ifSound(
  health: ListHealth | undefined,
  zone: string,
  ip: string,
  answer: ListAnswer | Promise<ListAnswer>,
): ListAnswer | Promise<ListAnswer> {
  const usable = health?.isUsable(zone, ip) ?? true;
  return usable instanceof Promise ? usable.then((sound) => (sound ? answer : absent)) : usable ? answer : absent;
}
