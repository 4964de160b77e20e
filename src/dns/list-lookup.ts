/**
 * Asks DNS lists about clients: one question at a time for each name, answers kept for their TTL, and every
 * wait has an end. Owns its resolver, so that other servers than the system's can be asked.
 */
import { Resolver } from "node:dns/promises";

import { listName, readCode } from "./lists.ts";
import type { DnsListSource } from "./lists.ts";

/** What a list says of a client. `text` is its TXT record, "" where an A record was asked. */
export type ListAnswer =
  | { readonly kind: "listed"; readonly text: string }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly why: string };

/** Times in ms. */
export interface LookupOptions {
  /** `address:port`; none: the system's. */
  readonly servers: readonly string[];
  /** For all questions that one answer needs together. */
  readonly timeout: number;
  /** Answers held at most. */
  readonly cacheSize: number;
  /** How long "not listed" holds, and a listing that tells no TTL. */
  readonly negativeTtl: number;
  /** How long a failed query is not tried again. */
  readonly failureTtl: number;
  readonly now: () => number;
  /** Told of each query that failed. */
  readonly failed: (name: string, why: string) => void;
}

type Outcome<T> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly why: string };

interface Held {
  readonly answer: ListAnswer;
  /** When it is no longer believed, by the injected clock. */
  readonly until: number;
}

/** A TTL beyond this is a mistake of the list's. */
const maxTtl = 86_400_000;
const absent: ListAnswer = { kind: "absent" };

export class DnsListLookup {
  readonly #options: LookupOptions;
  readonly #resolver: Resolver;
  readonly #held = new Map<string, Held>();
  readonly #underway = new Map<string, Promise<ListAnswer>>();

  constructor(options: LookupOptions) {
    this.#options = options;
    // The second try has twice the time of the first: both fit into the whole.
    this.#resolver = new Resolver({ timeout: Math.max(1, Math.floor(options.timeout / 3)), tries: 2 });
    if (options.servers.length > 0) {
      this.#resolver.setServers(options.servers);
    }
  }

  /** What a source says of an address; at once where it is known, and never a rejection. */
  ask(source: DnsListSource, address: string): ListAnswer | Promise<ListAnswer> {
    const name = listName(address, source.zone);
    if (name === undefined) {
      return absent;
    }
    const type = source.kind === "block" && source.message === undefined ? "TXT" : "A";
    const key = `${type} ${name}`;
    const held = this.#held.get(key);
    if (held !== undefined && held.until > this.#options.now()) {
      return held.answer;
    }
    const underway = this.#underway.get(key) ?? this.#start(key, type, name);
    return underway;
  }

  #start(key: string, type: "TXT" | "A", name: string): Promise<ListAnswer> {
    const end = performance.now() + this.#options.timeout;
    const question = type === "TXT" ? this.#askText(name, end) : this.#askAddress(name, end);
    const answer = question.then(({ listed, ttl }) => {
      this.#underway.delete(key);
      this.#hold(key, listed, ttl);
      if (listed.kind === "failed") {
        this.#options.failed(name, listed.why);
      }
      return listed;
    });
    this.#underway.set(key, answer);
    return answer;
  }

  #hold(key: string, answer: ListAnswer, ttl: number | undefined): void {
    const { cacheSize, negativeTtl, failureTtl, now } = this.#options;
    const life = answer.kind === "failed" ? failureTtl : Math.min(ttl ?? negativeTtl, maxTtl);
    this.#held.delete(key);
    this.#held.set(key, { answer, until: now() + life });
    if (this.#held.size > cacheSize) {
      const oldest = this.#held.keys().next();
      this.#held.delete(oldest.value ?? "");
    }
  }

  async #askAddress(name: string, end: number): Promise<{ listed: ListAnswer; ttl: number | undefined }> {
    const outcome = await this.#within(this.#resolver.resolve4(name, { ttl: true }), end);
    if (outcome.kind !== "found") {
      return { listed: outcome, ttl: undefined };
    }
    const codes = outcome.value.filter(({ address }) => readCode(address) === "listed");
    const listed: ListAnswer =
      codes.length > 0 ? { kind: "listed", text: "" } : { kind: "failed", why: "answer is no list code" };
    return { listed, ttl: Math.min(...outcome.value.map(({ ttl }) => ttl)) * 1000 };
  }

  /** The resolver tells no TTL for TXT: the A record beside it has one, and tells a listing from a refused query. */
  async #askText(name: string, end: number): Promise<{ listed: ListAnswer; ttl: number | undefined }> {
    const outcome = await this.#within(this.#resolver.resolveTxt(name), end);
    if (outcome.kind !== "found") {
      return { listed: outcome, ttl: undefined };
    }
    const text = outcome.value.map((strings) => strings.join("")).join(" ");
    if (text === "") {
      return { listed: absent, ttl: undefined };
    }
    const { listed, ttl } = await this.#askAddress(name, end);
    const unusable = listed.kind === "failed" && ttl !== undefined;
    return { listed: unusable ? listed : { kind: "listed", text }, ttl };
  }

  /** Waits for a query until `end` (by performance.now); a late answer is left alone. */
  async #within<T>(query: Promise<T>, end: number): Promise<Outcome<T>> {
    const settled = query.then(
      (value): Outcome<T> => ({ kind: "found", value }),
      (error: unknown) => readFailure<T>(error),
    );
    const { promise: late, resolve } = Promise.withResolvers<Outcome<T>>();
    const timer = setTimeout(resolve, Math.max(0, end - performance.now()), { kind: "failed", why: "ETIMEOUT" });
    try {
      return await Promise.race([settled, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** NXDOMAIN and an empty answer are answers; everything else is a failure. */
function readFailure<T>(error: unknown): Outcome<T> {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return code === "ENOTFOUND" || code === "ENODATA" ? { kind: "absent" } : { kind: "failed", why: code };
}
