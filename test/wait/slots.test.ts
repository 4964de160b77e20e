import { describe, expect, it } from "vitest";

import { Slots } from "../../src/wait/slots.ts";

describe("slots", () => {
  it("lets in as many as there are places, in the order in which they came", async () => {
    const slots = new Slots(2);
    const order: number[] = [];
    const first = await slots.takeWithin(1000);
    const second = await slots.takeWithin(1000);
    const waiting = [3, 4].map(async (n) => {
      const leave = await slots.takeWithin(10_000);
      order.push(n);
      return leave;
    });
    expect([slots.taken, slots.waiting]).toEqual([2, 2]);
    first?.();
    const third = await waiting[0];
    expect(order).toEqual([3]);
    expect([slots.taken, slots.waiting]).toEqual([2, 1]);
    second?.();
    const fourth = await waiting[1];
    third?.();
    fourth?.();
    expect(order).toEqual([3, 4]);
    expect([slots.taken, slots.waiting]).toEqual([0, 0]);
  });

  it("sends away who has waited too long, and keeps no place for them", async () => {
    const slots = new Slots(1);
    const leave = await slots.takeWithin(1000);
    expect(await slots.takeWithin(5)).toBeUndefined();
    expect(slots.waiting).toBe(0);
    leave?.();
    expect(await slots.takeWithin(1000)).toBeTypeOf("function");
  });

  it("gives a place on to the first of the line, and takes it back from a task that fails", async () => {
    const slots = new Slots(2);
    const doors = Array.from({ length: 3 }, () => Promise.withResolvers<number>());
    let started = 0;
    const results = doors.map(({ promise }) =>
      slots.run(() => {
        started++;
        return promise;
      }),
    );
    await Promise.resolve();
    expect([started, slots.waiting]).toEqual([2, 1]);
    doors[0]?.reject(new Error("fault"));
    await expect(results[0]).rejects.toThrow("fault");
    doors[2]?.resolve(3);
    expect(await results[2]).toBe(3);
    doors[1]?.resolve(2);
    expect(await results[1]).toBe(2);
    expect([slots.taken, slots.waiting]).toEqual([0, 0]);
  });

  it("forgets a wait that a signal ends, and asks nothing after one that has ended", async () => {
    const slots = new Slots(1);
    const leave = await slots.take();
    const gone = new AbortController();
    const waiting = slots.take(gone.signal);
    gone.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    await expect(slots.take(gone.signal)).rejects.toThrow("gone");
    leave();
    expect([slots.taken, slots.waiting]).toEqual([0, 0]);
  });
});
