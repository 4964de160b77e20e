/** What V8 is asked for is what V8 does: its flags are no promise of Node's. */
import { spawnSync } from "node:child_process";

import { describe, expect, it } from "vitest";

import { node } from "../end-to-end/scene.ts";

const source = new URL("../../src/ops/collector.ts", import.meta.url).href;

/** Bytes for new objects in a process in which many of them live for a while. @param first what it does before */
function roomForYoung(first: string): number {
  const script = `
    import { getHeapSpaceStatistics } from "node:v8";
    import { keepRoomForYoung } from ${JSON.stringify(source)};
    ${first}
    const kept = [];
    for (let round = 0; round < 200; round++) {
      kept[round % 20] = Array.from({ length: 20_000 }, (_, i) => ({ i, text: "x" + i }));
    }
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    console.log(space_size);`;
  const words = ["--min-semi-space-size=4", "--input-type=module-typescript", "--eval", script];
  const { stdout, stderr } = spawnSync(node, words, { encoding: "utf8", timeout: 60_000 });
  expect(stderr).toBe("");
  return Number(stdout);
}

describe("keepRoomForYoung", () => {
  it("keeps the room that a process starts with, which V8 makes larger otherwise", () => {
    const start = roomForYoung("keepRoomForYoung();");
    expect(start).toBeLessThan(10e6);
    expect(roomForYoung("")).toBeGreaterThan(1.5 * start);
  });
});
