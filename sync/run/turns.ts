/** One run at a time within a process: full syncs wait for their turn, incremental syncs are left out instead. */

/** Serialises runs within a process. */
export interface Turns {
  /** Runs when all before are over. */
  take<T>(run: () => Promise<T>): Promise<T>;
  /** Runs at once, or not at all. */
  tryTake(run: () => Promise<void>): Promise<void>;
}

/** Nobody's turn yet. */
export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const take = <T>(run: () => Promise<T>): Promise<T> => {
    waiting += 1;
    const turn = last.then(run).finally(() => {
      waiting -= 1;
    });
    last = turn.catch(() => undefined);
    return turn;
  };
  return { take, tryTake: (run) => (waiting > 0 ? Promise.resolve() : take(run)) };
}
