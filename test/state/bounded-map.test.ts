import { describe, expect, it } from "vitest";

import { BoundedMap } from "../../src/state/bounded-map.ts";

describe("a bounded map", () => {
  it("forgets what was written longest ago, and nothing while there is room", () => {
    const map = new BoundedMap<string, number>(3);
    map.set("a", 1).set("b", 2).set("c", 3);
    expect([...map]).toEqual([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    expect([...map.set("d", 4).keys()]).toEqual(["b", "c", "d"]);
    expect([map.get("a"), map.size]).toEqual([undefined, 3]);
  });

  it("takes a key that is written again for the latest, and forgets nobody for it", () => {
    const map = new BoundedMap<string, number>(2);
    map.set("a", 1).set("b", 2).set("a", 3);
    expect([...map]).toEqual([
      ["b", 2],
      ["a", 3],
    ]);
    expect([...map.set("c", 4).keys()]).toEqual(["a", "c"]);
  });

  it("keeps an entry whose key is no text, an undefined one too", () => {
    const map = new BoundedMap<unknown, number>(1);
    expect([...map.set(undefined, 1).set(Number.NaN, 2)]).toEqual([[Number.NaN, 2]]);
    expect([...map.set(undefined, 3)]).toEqual([[undefined, 3]]);
  });
});
