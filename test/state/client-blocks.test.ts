/** Blocks of clients: how networks are read and found, and what several who share the state know. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";

import { formatNetwork } from "../../src/mail/blocks.ts";
import type { Network } from "../../src/mail/blocks.ts";
import { silentLog } from "../../src/report/log.ts";
import { ClientBlocks, mostBlocks, readNetwork } from "../../src/state/client-blocks.ts";
import type { ClientBlock } from "../../src/state/client-blocks.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { State } from "../../src/state/state.ts";
import { Clock } from "../checks/fixture.ts";

function networkOf(text: string): Network {
  const network = readNetwork(text);
  if (typeof network === "string") {
    throw new TypeError(network);
  }
  return network;
}

describe("a network that is to be blocked", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["192.0.2.", "192.0.2.0/24"],
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["2001:DB8:0:1::5", "2001:db8:0:1::/64"],
    ["2001:db8::/32", "2001:db8::/32"],
    ["2001:db8:1:", "2001:db8:1::/48"],
    ["64:ff9b::192.0.2.7", "64:ff9b::c000:207"],
  ])("%s is %s", (text, key) => {
    expect(formatNetwork(networkOf(text))).toBe(key);
    expect(formatNetwork(networkOf(key))).toBe(key);
  });

  it.each(["", "nonsense", "192.0.2", "192.0.2.256", "10.1.2.3/8", "0.0.0.0/0", "1.0.0.0/7", "2000::/3"])(
    "is not %s",
    (text) => {
      expect(typeof readNetwork(text)).toBe("string");
    },
  );

  it("has one spelling, whatever it is", () => {
    const v4 = fc.tuple(fc.ipV4(), fc.constant(32));
    const v6 = fc.tuple(fc.ipV6(), fc.constant(64));
    fc.assert(
      fc.property(fc.oneof(v4, v6), ([ip]) => {
        const key = formatNetwork(networkOf(ip));
        expect(formatNetwork(networkOf(key))).toBe(key);
      }),
    );
  });
});

describe("blocked clients", () => {
  let clock: Clock;
  let state: State;
  let blocks: ClientBlocks;
  const block = (ms: number, why = ""): ClientBlock => ({
    from: clock.time,
    until: clock.time + ms,
    why,
    by: "relay",
  });
  const reason = async (ip: string, of = blocks): Promise<string | undefined> => (await of.find(ip))?.why;

  beforeEach(() => {
    clock = new Clock();
    state = new State(new MemoryStore(clock.now), silentLog);
    blocks = new ClientBlocks(state, clock.now);
  });

  it("are found by the narrowest block that is not over", async () => {
    await blocks.add(networkOf("192.0.2.0/24"), block(10_000, "wide"));
    await blocks.add(networkOf("192.0.2.7"), block(5000, "narrow"));
    expect(await reason("192.0.2.7")).toBe("narrow");
    expect(await reason("::ffff:192.0.2.8".replace("::ffff:", ""))).toBe("wide");
    clock.time += 5000;
    expect(await reason("192.0.2.7")).toBe("wide");
    clock.time += 5000;
    expect(await reason("192.0.2.7")).toBeUndefined();
  });

  it("are known to all who share the state within half a second", async () => {
    const other = new ClientBlocks(state, clock.now);
    expect(await reason("192.0.2.7", other)).toBeUndefined();
    await blocks.add(networkOf("192.0.2.7"), block(60_000, "one"));
    clock.time += 499;
    expect(await reason("192.0.2.7", other)).toBeUndefined();
    clock.time += 1;
    expect(await reason("192.0.2.7", other)).toBe("one");
    await blocks.remove(networkOf("192.0.2.7"));
    clock.time += 500;
    expect(await reason("192.0.2.7", other)).toBeUndefined();
    expect(await reason("192.0.2.7")).toBeUndefined();
    expect(await blocks.remove(networkOf("192.0.2.7"))).toEqual({ kind: "absent" });
  });

  it("are looked at again when the clock was set back", async () => {
    const other = new ClientBlocks(state, clock.now);
    await other.find("192.0.2.7");
    clock.time -= 600_000;
    await blocks.add(networkOf("192.0.2.7"), block(60_000, "one"));
    expect(await reason("192.0.2.7", other)).toBe("one");
  });

  it("are bounded in number: the one that was blocked longest ago is forgotten", async () => {
    for (let i = 0; i <= mostBlocks; i++) {
      await blocks.add(networkOf(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), block(60_000, String(i)));
    }
    expect(await reason("10.0.0.0")).toBeUndefined();
    expect(await reason("10.0.39.16")).toBe("10000");
    clock.time += 500;
    expect(await reason("10.0.0.0", new ClientBlocks(state, clock.now))).toBeUndefined();
  });
});
