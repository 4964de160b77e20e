/**
 * Directory harvest: a client that asks for many recipients whom nobody knows is answered later each time, then
 * disconnected, then refused for a while. Known recipients are answered at once. A block holds in all workers from then
 * on: the reply to an unknown recipient waits until a store has it, for as long as the state waits. Times in ms.
 */
import type { ClientRules } from "../../clients/tcprules.ts";
import type { Session } from "../../hooks/session.ts";
import { clientNetwork } from "../../mail/client-network.ts";
import type { Counters } from "../../report/counters.ts";
import type { Log } from "../../report/log.ts";
import type { HarvestLedger } from "./ledger.ts";
import { after } from "../../state/store.ts";
import type { Later, Tally } from "../../state/store.ts";

/** `[limits] harvest_…`. 0 is never. */
export interface HarvestSettings {
  /** The unknown recipient of a session from which on answers are delayed. */
  readonly delayAfter: number;
  readonly delayMax: number;
  /** The unknown recipient of a session that is answered 421. */
  readonly hangupAfter: number;
  /** Unknown recipients of a client network within `window`. */
  readonly clientLimit: number;
  readonly window: number;
  readonly block: number;
}

/** What becomes of the reply to an unknown recipient: it waits (ms, 0 is not at all), or the client is disconnected. */
export type Sentence = { readonly kind: "reply"; readonly wait: number } | { readonly kind: "disconnect" };

const firstDelay = 1000;
const disconnect: Sentence = { kind: "disconnect" };
const atOnce: Sentence = { kind: "reply", wait: 0 };

type Variables = Pick<ReadonlyMap<string, unknown>, "has">;

/** Whose recipients are not looked at, or who may send anywhere: no stranger. */
function isExempt(variables: Variables): boolean {
  return variables.has("NOGOODMAILTO") || variables.has("RELAYCLIENT");
}

/** How long the answer to the nth unknown recipient of a session waits. */
export function delayOf(nth: number, { delayAfter, delayMax }: HarvestSettings): number {
  const step = nth - delayAfter;
  return delayAfter === 0 || step < 0 ? 0 : Math.min(delayMax, firstDelay * 2 ** Math.min(step, 20));
}

async function sentenceAfter(sentence: Sentence, begun: Later<void>, weighed: Later<void>): Promise<Sentence> {
  await begun;
  await weighed;
  return sentence;
}

/**
 * The policy of one configuration; what it knows is the ledger's. What is there at once is used at once, without a
 * closure: this is on the way of each refusal.
 */
export class Harvest {
  readonly #settings: HarvestSettings;
  readonly #ledger: HarvestLedger;
  readonly #log: Log;
  readonly #counters: Counters;

  constructor(settings: HarvestSettings, ledger: HarvestLedger, log: Log, counters: Counters) {
    this.#settings = settings;
    this.#ledger = ledger;
    this.#log = log;
    this.#counters = counters;
  }

  /** Whether a client that connects is rejected immediately. A rule by host name is still to be asked. */
  refusesAtOnce(ip: string, rules: ClientRules, variables: () => Variables): boolean {
    if (!this.#isBlocked(ip) || rules.needsHost || isExempt(variables())) {
      return false;
    }
    const verdict = rules.find({ ip });
    return verdict.kind === "allow" && this.refuses(ip, verdict.variables);
  }

  /** Whether a client is rejected, its rule being known. */
  refuses(ip: string, variables: Variables): boolean {
    const refused = this.#isBlocked(ip) && !isExempt(variables);
    if (refused) {
      this.#counters.add("limits", { limit: "harvest block" });
      this.#log.debug("smtp", "limit", { limit: "harvest block", ip });
    }
    return refused;
  }

  /** Whether another worker, or another relay of a fleet, has blocked a client that is let in here. Never rejects. */
  hearsOfBlock(ip: string, variables: Variables): Later<boolean> {
    return isExempt(variables) ? false : this.#hears(ip, clientNetwork(ip));
  }

  #hears(ip: string, network: string): Later<boolean> {
    const { block, hangupAfter, clientLimit } = this.#settings;
    if (block === 0 || (hangupAfter === 0 && clientLimit === 0)) {
      return false;
    }
    return after(this.#ledger.learn(network), (left) => {
      if (left > 0) {
        const seconds = Math.ceil(left / 1000);
        this.#log.info("smtp", "limit", { ip, limit: "harvest", by: "another process", blocked: network, seconds });
      }
      return left > 0;
    });
  }

  /**
   * Counts an unknown recipient. Never rejects.
   * @param nth unknown recipients of the session, this one included
   */
  judge(session: Session, nth: number): Later<Sentence> {
    if (isExempt(session)) {
      return atOnce;
    }
    const { ip } = session.client;
    const network = clientNetwork(ip);
    const heard = this.#hears(ip, network);
    return heard instanceof Promise
      ? this.#judgeLater(heard, session, network, nth)
      : this.#count(session, network, nth);
  }

  async #judgeLater(heard: Promise<boolean>, session: Session, network: string, nth: number): Promise<Sentence> {
    await heard;
    return this.#count(session, network, nth);
  }

  #count(session: Session, network: string, nth: number): Later<Sentence> {
    if (this.#ledger.isBlocked(network)) {
      this.#counters.add("limits", { limit: "harvest" });
      return disconnect;
    }
    const { clientLimit, hangupAfter, window } = this.#settings;
    const tally = clientLimit > 0 ? this.#ledger.add(network, window) : undefined;
    const isLast = hangupAfter > 0 && nth >= hangupAfter;
    const begun = isLast ? this.#hangUp(session, network, nth) : undefined;
    const weighed =
      tally instanceof Promise
        ? this.#weighLater(session, network, tally)
        : tally && this.#weigh(session, network, tally);
    const sentence = isLast ? disconnect : this.#reply(nth);
    return begun === undefined && weighed === undefined ? sentence : sentenceAfter(sentence, begun, weighed);
  }

  async #weighLater(session: Session, network: string, tally: Promise<Tally>): Promise<void> {
    await this.#weigh(session, network, await tally);
  }

  #hangUp(session: Session, network: string, nth: number): Later<void> {
    this.#counters.add("limits", { limit: "harvest" });
    return this.#begin(session, network, "session", nth);
  }

  #reply(nth: number): Sentence {
    const wait = delayOf(nth, this.#settings);
    return wait === 0 ? atOnce : { kind: "reply", wait };
  }

  #isBlocked(ip: string): boolean {
    return this.#settings.block > 0 && this.#ledger.hasBlocked && this.#ledger.isBlocked(clientNetwork(ip));
  }

  /** A client's count is there. Beyond the limit, another relay, or another session here, has begun the block. */
  #weigh(session: Session, network: string, { count, left }: Tally): Later<void> {
    const { clientLimit, block } = this.#settings;
    if (count < clientLimit || this.#ledger.isBlocked(network)) {
      return undefined;
    }
    if (count === clientLimit || block === 0) {
      return this.#begin(session, network, "client", count, left);
    }
    this.#note(session, network, "shared count", count, left);
    return this.#ledger.block(network, left);
  }

  /** @param left how long a client is disconnected if there is no block to end it; 0: this session only */
  #begin(session: Session, network: string, by: string, count: number, left = 0): Later<void> {
    const { block, clientLimit } = this.#settings;
    this.#note(session, network, by, count, block);
    if (block > 0) {
      const ends = clientLimit > 0 ? this.#ledger.share(network, clientLimit, block) : undefined;
      return after(this.#ledger.block(network, block), () => ends);
    }
    if (left > 0) {
      this.#ledger.blockHere(network, left);
    }
    return undefined;
  }

  #note(session: Session, network: string, by: string, count: number, block: number): void {
    this.#log.warning("smtp", "limit", {
      session: session.id,
      ip: session.client.ip,
      limit: "harvest",
      by,
      unknown: count,
      blocked: network,
      seconds: Math.ceil(block / 1000),
    });
  }
}
