/** Places to listen at and next hops that lack a part: the message has the whole one, and it is taken. */
import { describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";

function faultsOf(text: string): string[] {
  const loaded = checkConfig(text, "/c.toml", schemaFor, ["relay", "sync"]);
  return loaded.kind === "ok" ? [] : loaded.faults.map(({ message }) => message);
}

const listen = (value: string): string => `[smtp]\nlisten = ${value}\n`;
const hop = (value: string): string => `[[route]]\ndomain = "*"\nnext_hop = ${value}\n`;
const metrics = (value: string): string => `[metrics]\nlisten = ${value}\n`;

describe("places", () => {
  it.each([
    [listen, '"25"', '"*:25"'],
    [listen, '":25"', '"*:25"'],
    [listen, "25", '"*:25"'],
    [listen, '["127.0.0.1:25", "587"]', '"*:587"'],
    [listen, '"*"', '"*:25"'],
    [listen, '"192.0.2.1"', '"192.0.2.1:25"'],
    [listen, '"2001:db8::1"', '"[2001:db8::1]:25"'],
    [listen, '"smtp://192.0.2.1"', '"192.0.2.1:25"'],
    [hop, '"inside.example:25"', '"smtp://inside.example:25"'],
    [hop, '"inside.example"', '"smtp://inside.example"'],
    [hop, '"192.0.2.25:2525"', '"smtp://192.0.2.25:2525"'],
    [hop, '["mx", "2001:db8::1"]', '"smtp://[2001:db8::1]"'],
    [hop, '"MX"', '"mx"'],
    [metrics, '"9525"', '"127.0.0.1:9525"'],
    [metrics, "9525", '"127.0.0.1:9525"'],
  ])("are completed: %o %s", (write, value, whole) => {
    const faults = faultsOf(write(value));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/; write .*/);
    expect(faults[0]?.endsWith(whole)).toBe(true);
    expect(faultsOf(write(whole))).toEqual([]);
  });

  it.each([
    listen('""'),
    listen('"two words"'),
    hop('"uucp://inside:24"'),
    hop('" "'),
    hop('"*:25"'),
    metrics('"x"'),
    metrics('"127.0.0.1"'),
  ])("are not guessed at: %s", (text) => {
    const faults = faultsOf(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]).not.toContain("; write");
  });

  const two = (one: string, other: string): string => `[smtp]\nlisten = ["${one}", "${other}"]\n`;

  it("are given once: what cannot be listened at twice is an error, not a port that another program has", () => {
    const whole = '; write "*:25" alone, for IPv4 and IPv6';
    const once = "; allowed: one of them";
    expect(faultsOf(two("*:25", "127.0.0.1:25"))).toEqual([`"127.0.0.1:25" is taken by "*:25"${once}`]);
    expect(faultsOf(two("0.0.0.0:25", "[::]:25"))).toEqual([`"[::]:25" is taken by "0.0.0.0:25"${whole}`]);
    expect(faultsOf(two("0.0.0.0:25", "192.0.2.1:25"))).toEqual([`"192.0.2.1:25" is taken by "0.0.0.0:25"${once}`]);
    expect(faultsOf(two("[2001:DB8::1]:25", "[2001:db8::1]:25"))).toHaveLength(1);
    const listeners = ["a", "b"].map((name) => `[[listener]]\nname = "${name}"\nlisten = "*:587"\n`).join("");
    expect(faultsOf(listeners)).toHaveLength(1);
    expect(faultsOf(two("*:25", "*:587"))).toEqual([]);
    expect(faultsOf(two("0.0.0.0:25", "[2001:db8::1]:25"))).toEqual([]);
    expect(faultsOf(two("127.0.0.1:0", "127.0.0.1:0"))).toEqual([]);
    expect(faultsOf(two("192.0.2.1:25", "192.0.2.2:25"))).toEqual([]);
  });
});
