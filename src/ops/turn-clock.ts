/**
 * A clock that is read once in a turn of the event loop: many lists are asked for one recipient, and a system call for
 * each is more than the rest of their work. Times in ms.
 */

/** The same time until whatever runs now is over. */
export function turnClock(now: () => number): () => number {
  let time: number | undefined;
  const forget = (): void => {
    time = undefined;
  };
  return () => {
    if (time === undefined) {
      time = now();
      process.nextTick(forget);
    }
    return time;
  };
}
