/** A number of things that may be done at the same time; whoever comes later waits for a place, in the order of coming. */

/** Gives the place back; must be called once. */
export type Leave = () => void;

export class Slots {
  readonly #most: number;
  #taken = 0;
  readonly #line = new Set<() => void>();

  constructor(most: number) {
    this.#most = most;
  }

  /** How many places are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** How many wait; nobody does while a place is free. Who may grow the line must bound it. */
  get waiting(): number {
    return this.#line.size;
  }

  /** Takes a place. @throws the reason of the signal if it aborts first */
  async take(signal?: AbortSignal): Promise<Leave> {
    signal?.throwIfAborted();
    if (this.#taken < this.#most) {
      this.#taken++;
    } else {
      await this.#wait(signal);
    }
    return () => this.#leave();
  }

  /** Takes a place; undefined if there was none in time. @param patience ms */
  async takeWithin(patience: number): Promise<Leave | undefined> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), patience);
    try {
      return await this.take(late.signal);
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Does something in a place of its own; the wait for the place is bounded by what the others take. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    const leave = await this.take();
    try {
      return await task();
    } finally {
      leave();
    }
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = (): void => {
      this.#line.delete(resolve);
      reject(signal?.reason);
    };
    this.#line.add(resolve);
    signal?.addEventListener("abort", giveUp, { once: true });
    await promise;
    signal?.removeEventListener("abort", giveUp);
  }

  /** Whoever waits gets the place itself, so that the count stays. */
  #leave(): void {
    const [next] = this.#line;
    if (next === undefined) {
      this.#taken--;
    } else {
      this.#line.delete(next);
      next();
    }
  }
}
