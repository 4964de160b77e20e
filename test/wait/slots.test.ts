import { describe, expect, it } from "vitest";

import { Pool } from "../../src/spp/pool.ts";

describe("the line before the plugins", () => {
  it("lets in as many as there are places, in the order in which they came", async () => {
    const pool = new Pool(2);
    const order: number[] = [];
    const first = await pool.enter(1000);
    const second = await pool.enter(1000);
    const waiting = [3, 4].map(async (n) => {
      const leave = await pool.enter(10_000);
      order.push(n);
      return leave;
    });
    expect([pool.taken, pool.waiting]).toEqual([2, 2]);
    first?.();
    const third = await waiting[0];
    expect(order).toEqual([3]);
    expect([pool.taken, pool.waiting]).toEqual([2, 1]);
    second?.();
    const fourth = await waiting[1];
    third?.();
    fourth?.();
    expect(order).toEqual([3, 4]);
    expect([pool.taken, pool.waiting]).toEqual([0, 0]);
  });

  it("sends away who has waited too long, and keeps no place for them", async () => {
    const pool = new Pool(1);
    const leave = await pool.enter(1000);
    expect(await pool.enter(5)).toBeUndefined();
    expect(pool.waiting).toBe(0);
    leave?.();
    expect(await pool.enter(1000)).toBeTypeOf("function");
  });
});
