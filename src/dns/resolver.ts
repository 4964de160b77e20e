/**
 * The one resolver of the relay: one cache, one deadline for each question, one question for all who ask the same.
 * Asks the name servers of the settings, or those of /etc/resolv.conf.
 */
import { Resolver as SystemResolver } from "node:dns";

import type { Log } from "../report/log.ts";
import { parseServer } from "../mail/name-server.ts";
import type { Endpoint } from "../mail/network.ts";
import type { DnsAnswer, DnsType, DnsValues } from "./answer.ts";
import { AnswerCache } from "./answer-cache.ts";
import { createComplaint } from "./complaint.ts";
import { exchange } from "./exchange.ts";
import { readName } from "./message.ts";
import type { Question } from "./message.ts";
import { reverseName } from "./reverse-name.ts";

/** `[dns]`. Times in ms. */
export interface DnsSettings {
  /** "address" or "address:port"; none: those of /etc/resolv.conf. */
  readonly servers: readonly string[];
  /** For one question, with all servers that are tried. */
  readonly timeout: number;
  /** Answers kept at most. */
  readonly cacheSize: number;
}

/** An answer that is known is given at once; nothing here ever rejects. */
export type Asked<T> = DnsAnswer<T> | Promise<DnsAnswer<T>>;

/** What checks and routes ask of DNS. */
export interface Dns {
  /** IPv4 addresses of a name. */
  a(name: string): Asked<string>;
  /** IPv6 addresses of a name, in their shortest form. */
  aaaa(name: string): Asked<string>;
  /** Mail exchangers of a domain, as they came. */
  mx(domain: string): Asked<DnsValues["MX"]>;
  txt(name: string): Asked<string>;
  /** Names of an address. */
  ptr(ip: string): Asked<string>;
}

/** A name that cannot be one in DNS has no records, today and tomorrow. */
const noName: DnsAnswer<never> = { kind: "absent", ttl: 86_400_000, noSuchName: true };
/** Questions under way, each with a socket of its own; others wait for them, within their deadline. */
const mostUnderway = 200;
/** Questions that wait; further ones fail at once. */
const mostWaiting = 5000;
/** /etc/resolv.conf is read again after this, in ms: a laptop's network changes, a container's too. */
const readAgain = 30_000;

interface Waiting {
  readonly question: Question;
  readonly end: number;
  readonly resolve: (answer: DnsAnswer<unknown>) => void;
}

/** The resolver of the relay. */
export class Resolver implements Dns {
  readonly #settings: DnsSettings;
  readonly #cache: AnswerCache;
  readonly #complain: (question: Question, why: string) => void;
  readonly #underway = new Map<string, Promise<DnsAnswer<unknown>>>();
  readonly #waiting: Waiting[] = [];
  #asking = 0;
  #servers: { readonly found: readonly Endpoint[]; readonly at: number } | undefined;

  /** @param now ms; by it answers grow old */
  constructor(settings: DnsSettings, log: Log, now: () => number = Date.now) {
    this.#settings = settings;
    this.#cache = new AnswerCache(settings.cacheSize, now);
    this.#complain = createComplaint(log, now);
  }

  a(name: string): Asked<string> {
    return this.#ask("A", name);
  }

  aaaa(name: string): Asked<string> {
    return this.#ask("AAAA", name);
  }

  mx(domain: string): Asked<DnsValues["MX"]> {
    return this.#ask("MX", domain);
  }

  txt(name: string): Asked<string> {
    return this.#ask("TXT", name);
  }

  ptr(ip: string): Asked<string> {
    return this.#ask("PTR", reverseName(ip) ?? "");
  }

  #ask<Type extends DnsType>(type: Type, text: string): Asked<DnsValues[Type]> {
    const name = readName(text);
    if (name === undefined) {
      return noName;
    }
    const key = `${type} ${name}`;
    // What is cached under a type is of that type.
    const known = this.#cache.get(key) ?? this.#underway.get(key) ?? this.#start(key, { type, name });
    return known as Asked<DnsValues[Type]>;
  }

  #start(key: string, question: Question): Promise<DnsAnswer<unknown>> {
    const answer = this.#queue(question).then((found) => {
      this.#underway.delete(key);
      this.#cache.put(key, found);
      if (found.kind === "failed") {
        this.#complain(question, found.why);
      }
      return found;
    });
    this.#underway.set(key, answer);
    return answer;
  }

  async #queue(question: Question): Promise<DnsAnswer<unknown>> {
    const end = performance.now() + this.#settings.timeout;
    if (this.#asking < mostUnderway) {
      return this.#send(question, this.#settings.timeout);
    }
    if (this.#waiting.length >= mostWaiting) {
      return { kind: "failed", why: "too many questions at a time" };
    }
    return new Promise((resolve) => this.#waiting.push({ question, end, resolve }));
  }

  async #send(question: Question, timeout: number): Promise<DnsAnswer<unknown>> {
    this.#asking++;
    const answer = await exchange(question, this.#findServers(), timeout);
    this.#asking--;
    this.#sendNext();
    return answer;
  }

  /** Those that waited too long fail; the first other one is sent. A place is free in time: what holds it has a deadline. */
  #sendNext(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const left = next.end - performance.now();
      if (left > 0) {
        void this.#send(next.question, left).then(next.resolve);
        return;
      }
      next.resolve({ kind: "failed", why: "ETIMEOUT" });
    }
  }

  #findServers(): readonly Endpoint[] {
    const now = performance.now();
    if (this.#servers === undefined || (this.#settings.servers.length === 0 && now - this.#servers.at > readAgain)) {
      const named = this.#settings.servers.length > 0 ? this.#settings.servers : new SystemResolver().getServers();
      this.#servers = { found: named.map(parseServer).filter((server) => server !== undefined), at: now };
    }
    return this.#servers.found;
  }
}
