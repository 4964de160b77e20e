import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Late, unlessAborted, within } from "../../src/wait/within.ts";

const never = new Promise<never>(() => undefined);
const longest = 2 ** 40;

/** Timers that hold the process just now. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

describe("a promise with an end", () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): number => unhandled.push(reason);
  beforeEach(() => {
    unhandled.length = 0;
    process.on("unhandledRejection", note);
  });
  afterEach(() => {
    process.off("unhandledRejection", note);
  });

  it("says what the promise says in time, and leaves no timer", async () => {
    const before = timers();
    expect(await within(Promise.resolve(1), longest, "late")).toBe(1);
    await expect(within(Promise.reject(new RangeError("fault")), longest, "late")).rejects.toThrow(RangeError);
    expect(timers()).toBe(before);
  });

  it("ends what takes too long, and what is longer than a timer may be does not end at once", async () => {
    await expect(within(never, 1, "no answer in 1 ms")).rejects.toThrow(new Late("no answer in 1 ms"));
    const slow = new Promise<string>((resolve) => setTimeout(resolve, 20, "there"));
    expect(await within(slow, longest, "late")).toBe("there");
  });

  it("ends with a signal, also one that has aborted before", async () => {
    const gone = new AbortController();
    const { signal } = gone;
    expect(await unlessAborted(Promise.resolve(1), signal, "late")).toBe(1);
    const waiting = unlessAborted(never, signal, "gone");
    gone.abort();
    await expect(waiting).rejects.toThrow(new Late("gone"));
    await expect(unlessAborted(never, signal, "gone before")).rejects.toThrow(new Late("gone before"));
  });

  it("takes a rejection that comes too late for itself", async () => {
    const rejects = Promise.withResolvers<never>();
    await expect(within(rejects.promise, 1, "late")).rejects.toThrow(Late);
    await expect(unlessAborted(rejects.promise, AbortSignal.abort(), "late")).rejects.toThrow(Late);
    rejects.reject(new Error("after all"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });
});
