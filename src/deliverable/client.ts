/**
 * Asks a qmail-deliverabled over HTTP: `GET /qd1/deliverable?ADDRESS`, answered by a decimal number. Answers are
 * cached; a daemon that does not answer is left alone for a while, so that not every recipient waits for the deadline.
 */
import type { Agent, IncomingMessage } from "node:http";

import { meaningOf, pathOf } from "./codes.ts";
import type { Endpoint } from "../mail/network.ts";
import { formatEndpoint } from "../mail/network.ts";
import { BoundedMap } from "../state/bounded-map.ts";
import { http } from "../wait/http.ts";

/** A number, or why there is none. */
export type Said = { readonly kind: "code"; readonly code: number } | { readonly kind: "away"; readonly why: string };

/** How patient the client is. */
export interface ClientOptions {
  /** ms for one answer. */
  readonly timeout: number;
  /** ms for which an answer is kept; 0: not at all. */
  readonly cache: number;
  /** ms since 1970. */
  readonly now: () => number;
}

/** Answers that are kept. */
const mostKept = 10_000;
/** Questions under way at a time. */
const mostAsked = 200;
/** Failures in a row after which a daemon is left alone, and for how long in ms. */
const failuresToRest = 3;
const rest = 10_000;
/** Octets of an answer. */
const longest = 64;

interface Kept {
  readonly said: Said;
  readonly until: number;
}

interface Health {
  failures: number;
  restsUntil: number;
}

/** A client of one qmail-deliverabled, with a cache. */
export class DeliverableClient {
  readonly #options: ClientOptions;
  /** Made for the first question, which most relays never ask. */
  #agent: Agent | undefined;
  readonly #kept = new BoundedMap<string, Kept>(mostKept);
  readonly #asked = new Map<string, Promise<Said>>();
  /** By daemon. Routes of a file may name many. */
  readonly #health = new BoundedMap<string, Health>(mostKept);

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** What a daemon says of an address in lower case that is askable. Rejects never. */
  ask(server: Endpoint, address: string): Said | Promise<Said> {
    const place = formatEndpoint(server);
    const key = `${place} ${address}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && this.#options.now() < kept.until) {
      return kept.said;
    }
    const running = this.#asked.get(key);
    if (running !== undefined) {
      return running;
    }
    const health = this.#healthOf(place);
    if (this.#options.now() < health.restsUntil) {
      return { kind: "away", why: "it did not answer before" };
    }
    if (this.#asked.size >= mostAsked) {
      return { kind: "away", why: `${mostAsked} questions wait for an answer` };
    }
    const answer = this.#fetch(server, address)
      .catch((error: unknown): Said => ({ kind: "away", why: describe(error) }))
      .then((said) => this.#note(key, health, said))
      .finally(() => this.#asked.delete(key));
    this.#asked.set(key, answer);
    return answer;
  }

  async #fetch(server: Endpoint, address: string): Promise<Said> {
    const signal = AbortSignal.timeout(this.#options.timeout);
    const path = pathOf("deliverable", address);
    this.#agent ??= new http.Agent({ keepAlive: true, maxSockets: 16, maxFreeSockets: 4 });
    const response = await send(server, path, this.#agent, signal);
    const text = await readText(response);
    if (response.statusCode !== 200 || !/^\s*\d{1,3}\s*$/.test(text)) {
      return { kind: "away", why: `status ${response.statusCode ?? 0} ${JSON.stringify(text.slice(0, longest))}` };
    }
    return { kind: "code", code: Number(text) };
  }

  #note(key: string, health: Health, said: Said): Said {
    const { cache, now } = this.#options;
    if (said.kind === "away") {
      health.failures++;
      health.restsUntil = health.failures >= failuresToRest ? now() + rest : 0;
      return said;
    }
    health.failures = 0;
    // The daemon may know the next time.
    if (cache > 0 && meaningOf(said.code) !== "untold" && meaningOf(said.code) !== "later") {
      this.#kept.set(key, { said, until: now() + cache });
    }
    return said;
  }

  #healthOf(place: string): Health {
    const health = this.#health.get(place) ?? { failures: 0, restsUntil: 0 };
    this.#health.set(place, health);
    return health;
  }
}

/** Redirects are not followed: the answer is then no number. */
function send(server: Endpoint, path: string, agent: Agent, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: server.host, port: server.port, path, agent, signal }, resolve);
    request.on("error", (error: NodeJS.ErrnoException) => {
      // The daemon closed a connection that was kept, just as it was asked again.
      if (request.reusedSocket && error.code === "ECONNRESET" && !signal.aborted) {
        resolve(send(server, path, agent, signal));
      } else {
        reject(signal.aborted ? new Error("no answer within the deadline", { cause: error }) : error);
      }
    });
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("latin1");
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > longest) {
      response.destroy();
      return text.slice(0, longest);
    }
  }
  return text;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  return error.name === "AbortError" || error.name === "TimeoutError" ? "no answer within the deadline" : error.message;
}
