/** `[state]` into the state, and into those who count in it. */
import { statSync } from "node:fs";
import { dirname } from "node:path";

import type { Guard } from "../auth/guard.ts";
import type { Settings } from "../config/sections.ts";
import type { Tables } from "../hooks/services.ts";
import type { Log } from "../report/log.ts";
import type { HarvestLedger } from "../smtp/harvest/ledger.ts";
import type { Crowd } from "../smtp/listener/crowd.ts";
import { workerCount } from "../ops/workers.ts";
import { errorMessage } from "../report/error-message.ts";
import { Neighbours } from "../smtp/listener/neighbours.ts";
import type { Counts } from "../state/counts.ts";
import { MemoryStore } from "../state/memory.ts";
import { RedisStore } from "../state/redis.ts";
import { SqliteStore } from "../state/sqlite.ts";
import { State } from "../state/state.ts";
import type { Store } from "../state/store.ts";
import { Table } from "../state/table.ts";
import { accessOf, besideUnit, placeOf } from "./state-place.ts";

/** @throws FileFault */
function storeAt(place: string, settings: Settings, log: Log): Store {
  if (place === "memory") {
    return new MemoryStore();
  }
  return place.includes("://") ? new RedisStore(place, accessOf(settings)) : new SqliteStore(place, log);
}

/**
 * The state of a relay that runs, for a command beside it; or why it cannot be had.
 * @param log of the store: a file that was moved aside
 */
export function stateBeside(settings: Settings, log: Log): State | string {
  const place = placeOf(besideUnit(settings), workerCount(settings.smtp.workers) > 1);
  if (place === "memory") {
    return 'The relay keeps its state in memory, where no command can reach it: set [state] store = "sqlite" and folder, or a Redis';
  }
  const fault = place.includes("://") ? undefined : ownerFault(dirname(place));
  if (fault !== undefined) {
    return fault;
  }
  try {
    return new State(storeAt(place, settings, log), log);
  } catch (error) {
    return errorMessage(error);
  }
}

/** Files that another user makes beside the relay's would lock it out. */
function ownerFault(folder: string): string | undefined {
  const facts = statSync(folder, { throwIfNoEntry: false });
  if (facts === undefined) {
    return `The folder "${folder}" is missing: the relay makes it when it starts`;
  }
  return facts.uid === process.geteuid?.()
    ? undefined
    : `The folder "${folder}" belongs to user ${facts.uid}: run this as that user, for example by sudo -u '#${facts.uid}'`;
}

/** Those who count in the state. */
export interface Counting {
  readonly guard: Guard;
  readonly ledger: HarvestLedger;
  readonly crowd: Crowd;
  /** Of `[limits] connection_rate`. */
  readonly connections: Counts;
}

/** The state of a relay; replaced at a reload where its place has changed. */
export class RelayState implements Tables {
  readonly #counting: Counting;
  readonly #log: Log;
  readonly #isOneOfMany: boolean;
  /** Of the place, and of the way to it: a password that was changed counts after a reload. */
  #key = JSON.stringify(["memory", {}]);
  #state: State;
  #neighbours: Neighbours | undefined;
  #opening: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(settings: Settings, counting: Counting, log: Log, isOneOfMany: boolean) {
    this.#counting = counting;
    this.#log = log;
    this.#isOneOfMany = isOneOfMany;
    this.#state = new State(new MemoryStore(), log);
    this.change(settings);
  }

  /** A table for a check: it is in the state that there is when it is asked, so that a check outlives a change of place. */
  table<Row>(name: string, bounds: { readonly ttl: number; readonly most: number }): Table<Row> {
    return new Table<Row>({ name, ...bounds }, (call, read) => this.#state.within(name, call, read));
  }

  get isAvailable(): boolean {
    return this.#state.isAvailable;
  }

  change(settings: Settings): void {
    const place = placeOf(settings, this.#isOneOfMany);
    const key = JSON.stringify([place, accessOf(settings)]);
    if (key === this.#key) {
      return;
    }
    // What is under way may end; nobody waits for it.
    void this.#leave();
    this.#key = key;
    this.#state = new State(storeAt(place, settings, this.#log), this.#log);
    this.#opening = this.#open(this.#state);
  }

  /** Done when workers count together, or will not soon. */
  get opening(): Promise<void> {
    return this.#opening;
  }

  /** Until it is open, all count where they did before. */
  async #open(state: State): Promise<void> {
    await state.ready();
    if (this.#isClosed || this.#state !== state) {
      return;
    }
    const { guard, ledger, crowd, connections } = this.#counting;
    guard.use(state);
    ledger.use(state);
    connections.use(state);
    this.#neighbours = state.kind === "memory" ? undefined : new Neighbours(crowd, state);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const [state, neighbours] = [this.#state, this.#neighbours];
    this.#neighbours = undefined;
    await neighbours?.close();
    await state.close();
  }
}
