/** How far a file has grown, for a thread that reads it at the same time. */

/** What the thread gets. */
export type Shared = BigInt64Array<SharedArrayBuffer>;

const [growing, complete, givenUp] = [0n, 1n, 2n];
const states = 4n;

/** Of a file that grows. */
export function createGrowth(): Shared {
  return new BigInt64Array(new SharedArrayBuffer(8));
}

/** It has so many octets now. */
export function grow(shared: Shared, size: number, isComplete: boolean): void {
  tell(shared, BigInt(size) * states + (isComplete ? complete : growing));
}

/** Nobody wants it to be read any more. */
export function giveUp(shared: Shared): void {
  tell(shared, givenUp);
}

function tell(shared: Shared, value: bigint): void {
  Atomics.store(shared, 0, value);
  Atomics.notify(shared, 0);
}

/**
 * Waits until it is larger, or complete. Only for a thread that has nothing else to do.
 * @param deadline ms
 * @returns its size
 * @throws Error if it was given up, or does not grow
 */
export function waitForMore(shared: Shared, size: number, deadline: number): number {
  for (;;) {
    const value = Atomics.load(shared, 0);
    const now = Number(value / states);
    if (value % states === givenUp) {
      throw new Error("it was given up");
    }
    if (now > size || value % states === complete) {
      return now;
    }
    if (Atomics.wait(shared, 0, value, deadline) === "timed-out") {
      throw new Error("there was nothing to read");
    }
  }
}
