/** A promise with an end: what comes later, a rejection too, is nobody's any more. */

/** It took too long, or nobody waits any more. */
export class Late extends Error {}

/** ms; a timer with more ends at once. */
export const longestTimer = 2 ** 31 - 1;

/** What the promise says in time. @throws Late after so many ms; what the promise rejects with */
export async function within<T>(promise: Promise<T>, ms: number, why: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Late(why)), Math.min(ms, longestTimer));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the promise says before the signal aborts. @throws Late when it aborts; what the promise rejects with */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal, why: string): Promise<T> {
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Late(why));
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) {
    abort();
  }
  try {
    return await Promise.race([promise, gone]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
