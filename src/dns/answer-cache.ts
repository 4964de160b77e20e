/** Answers of DNS, kept for their TTL; bounded by number and by what a single one may hold. Times in ms. */
import { BoundedMap } from "../state/bounded-map.ts";
import type { DnsAnswer } from "./answer.ts";

/** How long a question that failed is not asked again. RFC 2308 7 allows five minutes. */
const failureTtl = 10_000;
/** An answer with more characters is given, but not kept: a thousand of them would be too much. */
const maxWeight = 4096;

interface Held {
  readonly answer: DnsAnswer<unknown>;
  readonly until: number;
}

/** A bounded cache of DNS answers. */
export class AnswerCache {
  readonly #size: number;
  readonly #now: () => number;
  readonly #held: BoundedMap<string, Held>;

  constructor(size: number, now: () => number) {
    this.#size = size;
    this.#held = new BoundedMap(size);
    this.#now = now;
  }

  /** The answer with what is left of its TTL. */
  get(key: string): DnsAnswer<unknown> | undefined {
    const held = this.#held.get(key);
    if (held === undefined) {
      return undefined;
    }
    const left = held.until - this.#now();
    if (left <= 0) {
      this.#held.delete(key);
      return undefined;
    }
    return held.answer.kind === "failed" ? held.answer : { ...held.answer, ttl: left };
  }

  put(key: string, answer: DnsAnswer<unknown>): void {
    const ttl = answer.kind === "failed" ? failureTtl : answer.ttl;
    if (ttl <= 0 || this.#size === 0 || weigh(answer) > maxWeight) {
      return;
    }
    this.#held.set(key, { answer, until: this.#now() + ttl });
  }
}

function weigh(answer: DnsAnswer<unknown>): number {
  return answer.kind === "found" ? JSON.stringify(answer.values).length : 0;
}
