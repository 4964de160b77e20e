import { describe, expect, it } from "vitest";

import { Guard } from "../../src/auth/guard.ts";

const settings = { max: 3, window: 600_000, delay: 1000 };

describe("guard", () => {
  it("doubles the wait at each failure of a client, up to half a minute", async () => {
    const guard = new Guard(() => 0);
    const waits = await Promise.all(Array.from({ length: 8 }, () => guard.fail("192.0.2.1", settings)));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(await guard.fail("192.0.2.2", settings)).toBe(1000);
  });

  it("blocks a client after max failures until the window is over", async () => {
    let now = 5;
    const guard = new Guard(() => now);
    for (let i = 0; i < settings.max; i++) {
      expect(await guard.isBlocked("192.0.2.1", settings)).toBe(false);
      await guard.fail("192.0.2.1", settings);
    }
    expect(await guard.isBlocked("192.0.2.1", settings)).toBe(true);
    now += settings.window - 1;
    expect(await guard.isBlocked("192.0.2.1", settings)).toBe(true);
    now += 1;
    expect(await guard.isBlocked("192.0.2.1", settings)).toBe(false);
    expect(await guard.fail("192.0.2.1", settings)).toBe(1000);
  });

  it("counts IPv6 by /64 and IPv4 by address", async () => {
    const guard = new Guard(() => 0);
    const one = { ...settings, max: 1 };
    await guard.fail("2001:db8:1:2:aaaa::1", one);
    await guard.fail("192.0.2.1", one);
    const asked = ["2001:db8:1:2::ffff", "2001:db8:1:3::1", "192.0.2.1", "192.0.2.2"];
    expect(await Promise.all(asked.map((ip) => guard.isBlocked(ip, one)))).toEqual([true, false, true, false]);
  });

  it("remembers fifty thousand clients and forgets the oldest", async () => {
    const guard = new Guard(() => 0);
    const one = { ...settings, max: 1 };
    for (let i = 0; i <= 50_000; i++) {
      await guard.fail(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, one);
    }
    expect(guard.size).toBe(50_000);
    expect(await guard.isBlocked("10.0.0.0", one)).toBe(false);
    expect(await guard.isBlocked("10.0.0.1", one)).toBe(true);
  });
});
