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

  it.each([listen('""'), listen('"two words"'), hop('"lmtp://inside:24"'), hop('" "'), hop('"*:25"'), metrics('"x"')])(
    "are not guessed at: %s",
    (text) => {
      const faults = faultsOf(text);
      expect(faults).toHaveLength(1);
      expect(faults[0]).not.toContain("; write");
    },
  );
});
