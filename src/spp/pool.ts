/** How many plugin programs run at once, over all sessions; the others wait in line, each with a deadline. */

/** Gives the place back; must be called once. */
export type Leave = () => void;

interface Waiter {
  readonly admit: (leave: Leave | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

/** A limit on concurrent plugin programs. */
export class Pool {
  readonly #places: number;
  #taken = 0;
  readonly #line = new Set<Waiter>();

  /** @param places how many may be inside */
  constructor(places: number) {
    this.#places = places;
  }

  /** How many are inside. */
  get taken(): number {
    return this.#taken;
  }

  /** How many wait. A session waits at most once, so that the bound on sessions bounds this too. */
  get waiting(): number {
    return this.#line.size;
  }

  /**
   * Waits for a place; undefined if there was none in time.
   * @param patience in ms
   */
  enter(patience: number): Promise<Leave | undefined> {
    return new Promise((admit) => {
      const timer = setTimeout(() => {
        this.#line.delete(waiter);
        admit(undefined);
      }, patience);
      const waiter: Waiter = { admit, timer };
      this.#line.add(waiter);
      this.#admit();
    });
  }

  #admit(): void {
    const [first] = this.#line;
    if (first !== undefined && this.#taken < this.#places) {
      this.#line.delete(first);
      clearTimeout(first.timer);
      this.#taken += 1;
      first.admit(() => {
        this.#taken -= 1;
        this.#admit();
      });
    }
  }
}
