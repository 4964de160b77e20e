/**
 * The other workers' connections: each worker writes its own into the state a few times per second, and reads the
 * others'. Nothing waits for it: between two looks a worker goes by its own and by what it knew. Times in ms.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";

import type { State } from "../../state/state.ts";
import type { Table } from "../../state/table.ts";
import type { Crowd } from "./crowd.ts";

/** Between two looks. */
const lookEvery = 250;
/** A worker that changes nothing says so this often; one that is silent for three times as long is gone. */
const sayEvery = 2000;
/** Networks that a worker reports: those with the most connections. */
const mostClients = 1000;
/** Workers of a machine, and relays of a fleet, that may be in the table. */
const mostWorkers = 1000;

/** A worker's connections, in all and by network. */
interface Row {
  readonly size: number;
  readonly clients: readonly (readonly [client: string, count: number])[];
}

/** The connection counts of the other workers. */
export class Neighbours {
  readonly #crowd: Crowd;
  readonly #table: Table<Row>;
  readonly #machine = `${hostname()}/`;
  readonly #key = `${this.#machine}${process.pid}/${randomUUID()}`;
  readonly #timer: NodeJS.Timeout;
  #said = Number.NEGATIVE_INFINITY;
  #isLooking = false;
  #isClosed = false;

  constructor(crowd: Crowd, state: State) {
    this.#crowd = crowd;
    this.#table = state.table<Row>("connections", { ttl: 3 * sayEvery, most: mostWorkers });
    this.#timer = setInterval(() => void this.look(), lookEvery).unref();
  }

  /** Writes its own and reads the others'. Never rejects. */
  async look(): Promise<void> {
    if (this.#isLooking || this.#isClosed) {
      return;
    }
    this.#isLooking = true;
    const now = performance.now();
    if (this.#crowd.takeChange() || now - this.#said >= sayEvery) {
      this.#said = now;
      await this.#table.put(this.#key, { size: this.#crowd.size, clients: this.#crowd.largest(mostClients) });
    }
    const found = await this.#table.scan(this.#machine, mostWorkers);
    const rows = found.kind === "rows" ? found.rows.filter(([key]) => key !== this.#key).map(([, row]) => row) : [];
    this.#isLooking = false;
    if (!this.#isClosed) {
      this.#crowd.hearOthers(rows);
    }
  }

  /** Takes its own back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#crowd.hearOthers([]);
    await this.#table.delete(this.#key);
  }
}
