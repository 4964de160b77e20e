/** Connections of the other workers of a machine: seen by all, and looked for seldom where nobody else is. */
import { afterEach, expect, it } from "vitest";

import { silentLog } from "../../src/report/log.ts";
import { Crowd } from "../../src/smtp/listener/crowd.ts";
import { Neighbours } from "../../src/smtp/listener/neighbours.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { State } from "../../src/state/state.ts";
import type { TableOptions } from "../../src/state/store.ts";
import { setForward, setRight } from "../fakes/clock.ts";

/** Counts the looks. */
class WatchedStore extends MemoryStore {
  looks = 0;
  override scan(table: TableOptions, prefix: string, limit: number): ReturnType<MemoryStore["scan"]> {
    this.looks++;
    return super.scan(table, prefix, limit);
  }
}

afterEach(setRight);

it("looks often while another one is there, and every two seconds when it has been alone for six", async () => {
  const store = new WatchedStore();
  const state = new State(store, silentLog);
  const [first, second] = [new Crowd(), new Crowd()];
  const one = new Neighbours(first, state);
  const looksAfter = async (ms: number): Promise<number> => {
    setForward(ms);
    const before = store.looks;
    await one.look();
    return store.looks - before;
  };
  expect([await looksAfter(250), await looksAfter(250), await looksAfter(250)], "at the start").toEqual([1, 1, 1]);
  await looksAfter(6000);
  expect([await looksAfter(250), await looksAfter(250), await looksAfter(2000)], "alone").toEqual([0, 0, 1]);

  second.enter("192.0.2.1");
  const other = new Neighbours(second, state);
  await other.look();
  expect(await looksAfter(2000)).toBe(1);
  expect(first.total).toBe(1);
  second.enter("192.0.2.1");
  await other.look();
  expect([await looksAfter(250), first.totalOf("192.0.2.1")], "no longer alone").toEqual([1, 2]);

  await other.close();
  expect([await looksAfter(250), first.total]).toEqual([1, 0]);
  await one.close();
});
