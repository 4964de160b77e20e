/**
 * The traffic of one relay process: notes in memory, handed to a thread in batches. Nothing here makes mail wait or fail;
 * what does not fit, or cannot be written, is forgotten.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import type { Mailbox } from "../mail/address.ts";
import { clientNetwork } from "../mail/client-network.ts";
import type { Domains } from "../mail/domains.ts";
import type { Log } from "../report/log.ts";
import type { TrafficNotes } from "../report/traffic.ts";
import type { Recipients } from "../snapshot/recipients.ts";
import { BoundedMap } from "../state/bounded-map.ts";
import { within } from "../wait/within.ts";
import { namedBy } from "./record.ts";
import type { Named } from "./record.ts";
import type { AcceptedNote, Notes, RefusedNote } from "./rows.ts";
import type { FromThread, ThreadData, ToThread } from "./thread.ts";

/** Where and under which secret it is kept. */
export type TrafficPlace = Omit<ThreadData, "textEvery">;

/** By what a note is made: replaced at a reload. */
export interface TrafficSight {
  readonly recipients: Recipients;
  readonly domains: Domains;
  /** The user parts that one may stand for, itself first. */
  readonly formsOf: (user: string, domain: string) => readonly string[];
  /** When the list that serves was first published, ms since 1970; undefined: there is none. */
  readonly list: () => number | undefined;
}

/** Recipients that wait for the next batch; further ones are not noted. */
const mostAccepted = 20_000;
const mostRefused = 5000;
/** Questions of other mail servers that are told apart; one that was forgotten counts once more. */
const mostAsked = 50_000;
/** ms within which they count once. */
const askedEvery = 3_600_000;
/** ms */
const complainEvery = 600_000;
const closeTimeout = 5000;
/** ms after which the text is written though nobody got mail: a sync takes an old one for a relay that is gone. */
const idleEvery = 600_000;

/** How often, in ms; the rest is for tests. */
export interface RecorderOptions {
  readonly flushEvery?: number;
  readonly textEvery?: number;
  /** ms since 1970. */
  readonly now?: () => number;
}

/** Keeps the notes of one process. */
export class TrafficRecorder {
  readonly place: TrafficPlace;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #textEvery: number;
  readonly #timer: NodeJS.Timeout;
  #accepted = new Map<string, { -readonly [Key in keyof AcceptedNote]: AcceptedNote[Key] }>();
  #refused: RefusedNote[] = [];
  /** When questions of other mail servers were counted, by recipient and client; ms since 1970. */
  readonly #asked = new BoundedMap<string, number>(mostAsked);
  #thread: Worker | undefined;
  #isBusy = false;
  #list: () => number | undefined = () => undefined;
  /** What the text says of it. */
  #toldList: number | undefined;
  /** The text lacks what was written last. */
  #isTextLate = false;
  #flushedAt = Number.NEGATIVE_INFINITY;
  #complainedAt = Number.NEGATIVE_INFINITY;

  constructor(place: TrafficPlace, log: Log, options: RecorderOptions = {}) {
    this.place = place;
    this.#log = log;
    this.#now = options.now ?? Date.now;
    this.#textEvery = options.textEvery ?? 30_000;
    this.#timer = setInterval(() => this.flush(), options.flushEvery ?? 5000).unref();
  }

  /** The notes of sessions that see recipients so. */
  notes(sight: TrafficSight): TrafficNotes {
    this.#list = sight.list;
    return {
      accepted: (mailbox) => this.#accept(mailbox, sight),
      asked: (mailbox, client) => this.#takeQuestion(mailbox, client, sight),
      refused: (mailbox) => this.#refuse(mailbox, sight),
    };
  }

  /** Hands what came to the thread, unless that is still at work. */
  flush(last = false): void {
    const list = this.#list();
    const isIdle = !last && this.#accepted.size + this.#refused.length === 0 && list === this.#toldList;
    const rest = this.#isTextLate ? this.#textEvery : idleEvery;
    if (this.#isBusy || (isIdle && performance.now() - this.#flushedAt < rest)) {
      return;
    }
    this.#toldList = list;
    this.#flushedAt = performance.now();
    const notes: Notes = { accepted: [...this.#accepted.values()], refused: this.#refused };
    this.#accepted = new Map();
    this.#refused = [];
    this.#isBusy = true;
    this.#thread ??= this.#start();
    this.#thread.postMessage({ notes, now: this.#now(), last, list } satisfies ToThread, []);
  }

  /** What waits is still written, and the text. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const deadline = performance.now() + closeTimeout;
    const rest = (): number => Math.max(1, deadline - performance.now());
    await this.#idle(rest());
    if (this.#thread !== undefined || this.#accepted.size > 0) {
      this.flush(true);
      await this.#idle(rest());
    }
    await this.#thread?.terminate();
    this.#thread = undefined;
  }

  async #idle(timeout: number): Promise<void> {
    if (this.#isBusy && this.#thread !== undefined) {
      this.#thread.ref();
      await within(once(this.#thread, "message"), timeout, "not written in time").catch(() => undefined);
    }
  }

  #accept(mailbox: Mailbox, sight: TrafficSight): void {
    const named = namedAs(mailbox, sight);
    if (named !== undefined) {
      this.#count(named);
    }
  }

  #count(named: Named): void {
    const key = `${named.user ?? ""}@${named.domain}`;
    const note = this.#accepted.get(key);
    if (note !== undefined) {
      note.messages += 1;
    } else if (this.#accepted.size < mostAccepted) {
      this.#accepted.set(key, { ...named, messages: 1 });
    }
  }

  /** A client that tries again, or asks a table twice for one message, counts once; so nobody can make up much mail. */
  #takeQuestion(mailbox: Mailbox, client: string, sight: TrafficSight): void {
    const named = namedAs(mailbox, sight);
    if (named === undefined) {
      return;
    }
    const key = `${named.user ?? ""}@${named.domain} ${client === "" ? "" : clientNetwork(client)}`;
    const now = this.#now();
    if (Math.abs(now - (this.#asked.get(key) ?? Number.NEGATIVE_INFINITY)) >= askedEvery) {
      this.#asked.set(key, now);
      this.#count(named);
    }
  }

  #refuse({ user, domain }: Mailbox, { domains, formsOf, list }: TrafficSight): void {
    const own = domains.canonical(domain);
    const made = list();
    if (own !== undefined && made !== undefined && this.#refused.length < mostRefused) {
      this.#refused.push({ users: formsOf(user, own), domain: own, list: made });
    }
  }

  #start(): Worker {
    const workerData: ThreadData = { ...this.place, textEvery: this.#textEvery };
    const thread = new Worker(new URL("./thread.ts", import.meta.url), { workerData });
    thread.unref();
    thread.on("message", (said: FromThread) => this.#hear(said));
    thread.on("error", (error) => this.#complain(error.message));
    thread.on("exit", () => {
      if (this.#thread === thread) {
        this.#thread = undefined;
      }
      this.#isBusy = false;
    });
    return thread;
  }

  #hear({ why, moved, waits = false }: FromThread): void {
    this.#isBusy = false;
    this.#isTextLate = waits;
    if (moved !== undefined) {
      this.#log.error("traffic", "damaged file moved aside, starting with an empty one", {
        folder: this.place.folder,
        ...moved,
      });
    }
    if (why !== undefined) {
      this.#complain(why);
    }
  }

  #complain(why: string): void {
    if (performance.now() - this.#complainedAt >= complainEvery) {
      this.#complainedAt = performance.now();
      this.#log.error("traffic", "cannot remember who gets mail", { folder: this.place.folder, why });
    }
  }
}

/** Under which name it is remembered; undefined: under none. */
function namedAs(mailbox: Mailbox, { recipients, domains }: TrafficSight): Named | undefined {
  const domain = domains.canonical(mailbox.domain);
  return domain === undefined ? undefined : namedBy(recipients.find(mailbox), domain);
}
