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
/** A worker that changes nothing says so this often, and one that is alone looks no oftener. */
const sayEvery = 2000;
/** One that is silent for so long is gone; one that has seen nobody for so long is alone on its machine. */
const goneAfter = 3 * sayEvery;
/** Networks that a worker reports: those with the most connections. */
const mostClients = 1000;
/** Workers of a machine. */
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
  readonly #key = `${process.pid}/${randomUUID()}`;
  readonly #timer: NodeJS.Timeout;
  #said = Number.NEGATIVE_INFINITY;
  /** When another one was there last; at the start they may all just be coming. */
  #seen = performance.now();
  #isLooking = false;
  #isClosed = false;

  constructor(crowd: Crowd, state: State) {
    this.#crowd = crowd;
    // A table for each machine: in a store that a fleet shares, nobody looks through the others' rows.
    this.#table = state.table<Row>(`connections ${hostname()}`, { ttl: goneAfter, most: mostWorkers });
    this.#timer = setInterval(() => void this.look(), lookEvery).unref();
  }

  /** Writes its own and reads the others'. Never rejects. */
  async look(): Promise<void> {
    const now = performance.now();
    const isTime = now - this.#said >= sayEvery;
    const isAlone = now - this.#seen > goneAfter;
    if (this.#isLooking || this.#isClosed || (isAlone && !isTime)) {
      return;
    }
    this.#isLooking = true;
    if (this.#crowd.takeChange() || isTime) {
      this.#said = now;
      await this.#table.put(this.#key, { size: this.#crowd.size, clients: this.#crowd.largest(mostClients) });
    }
    const found = await this.#table.scan("", mostWorkers);
    const rows = found.kind === "rows" ? found.rows.filter(([key]) => key !== this.#key).map(([, row]) => row) : [];
    this.#isLooking = false;
    // Who cannot look does not know that nobody is there.
    this.#seen = rows.length > 0 || found.kind === "unavailable" ? performance.now() : this.#seen;
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
