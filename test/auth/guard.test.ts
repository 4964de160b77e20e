import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Gate } from "../../src/auth/gate.ts";
import { clientKey, Guard } from "../../src/auth/guard.ts";

const settings = { max: 3, window: 600_000, delay: 1000 };

describe("guard", () => {
  it("doubles the wait at each failure of a client, up to half a minute", () => {
    const guard = new Guard(() => 0);
    const waits = Array.from({ length: 8 }, () => guard.fail("192.0.2.1", settings));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(guard.fail("192.0.2.2", settings)).toBe(1000);
  });

  it("blocks a client after max failures until the window is over", () => {
    let now = 5;
    const guard = new Guard(() => now);
    for (let i = 0; i < settings.max; i++) {
      expect(guard.isBlocked("192.0.2.1", settings)).toBe(false);
      guard.fail("192.0.2.1", settings);
    }
    expect(guard.isBlocked("192.0.2.1", settings)).toBe(true);
    now += settings.window - 1;
    expect(guard.isBlocked("192.0.2.1", settings)).toBe(true);
    now += 1;
    expect(guard.isBlocked("192.0.2.1", settings)).toBe(false);
    expect(guard.fail("192.0.2.1", settings)).toBe(1000);
  });

  it("counts IPv6 by /64 and IPv4 by address", () => {
    expect(clientKey("2001:db8:1:2:aaaa::1")).toBe(clientKey("2001:db8:1:2::ffff"));
    expect(clientKey("2001:0DB8:1:2:0:0:0:9")).toBe(clientKey("2001:db8:1:2::"));
    expect(clientKey("2001:db8:1:3::1")).not.toBe(clientKey("2001:db8:1:2::1"));
    expect(clientKey("::1")).toBe("0:0:0:0::/64");
    expect(clientKey("64:ff9b::192.0.2.1")).toBe("64:ff9b:0:0::/64");
    expect(clientKey("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
    expect(clientKey("192.0.2.1")).not.toBe(clientKey("192.0.2.2"));
  });

  it("gives every address of a /64 the same key, however it is written", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const plain = groups.map((each) => each.toString(16)).join(":");
        const short = new URL(`http://[${plain}]/`).hostname.slice(1, -1);
        const padded = groups.map((each) => each.toString(16).padStart(4, "0")).join(":");
        const expected = `${groups
          .slice(0, 4)
          .map((each) => each.toString(16))
          .join(":")}::/64`;
        expect([clientKey(plain), clientKey(short), clientKey(padded)]).toEqual([expected, expected, expected]);
      }),
    );
  });

  it("remembers fifty thousand clients and forgets the oldest", () => {
    const guard = new Guard(() => 0);
    const one = { ...settings, max: 1 };
    for (let i = 0; i <= 50_000; i++) {
      guard.fail(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, one);
    }
    expect(guard.size).toBe(50_000);
    expect(guard.isBlocked("10.0.0.0", one)).toBe(false);
    expect(guard.isBlocked("10.0.0.1", one)).toBe(true);
  });
});

describe("gate", () => {
  it("runs so many at a time, lets so many wait, and turns the rest away", async () => {
    const gate = new Gate({ running: 2, waiting: 1 });
    const doors = Array.from({ length: 3 }, () => Promise.withResolvers<number>());
    let started = 0;
    const results = doors.map(({ promise }) =>
      gate.run(() => {
        started++;
        return promise;
      }),
    );
    expect(await gate.run(async () => 9)).toBeUndefined();
    expect(started).toBe(2);
    doors[0]?.reject(new Error("fault"));
    await expect(results[0]).rejects.toThrow("fault");
    doors[2]?.resolve(3);
    expect(await results[2]).toBe(3);
    doors[1]?.resolve(2);
    expect(await results[1]).toBe(2);
    expect(await gate.run(async () => 4)).toBe(4);
  });
});
