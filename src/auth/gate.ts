/** How many password checks run at a time, and how many wait. A check costs a process or 32 MiB of memory. */

/** Limits of concurrent and waiting password checks. */
export interface GateSettings {
  readonly running: number;
  readonly waiting: number;
}

export class Gate {
  readonly #settings: GateSettings;
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(settings: GateSettings) {
    this.#settings = settings;
  }

  /** Runs the task when there is room; undefined if too many wait already. Bounded by what the tasks take. */
  async run<T>(task: () => Promise<T>): Promise<T | undefined> {
    if (this.#running < this.#settings.running) {
      this.#running++;
    } else if (this.#queue.length < this.#settings.waiting) {
      // Who leaves hands its place over, so the count stays.
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    } else {
      return undefined;
    }
    try {
      return await task();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) {
        this.#running--;
      } else {
        next();
      }
    }
  }
}
