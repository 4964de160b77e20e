/** 10,000 random envelopes against random lists: workers together decide as one does, and no check decides for another. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import type { Tables } from "../../src/hooks/services.ts";
import { silentLog } from "../../src/report/log.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { SqliteStore } from "../../src/state/sqlite.ts";
import { State } from "../../src/state/state.ts";
import { Table } from "../../src/state/table.ts";
import { RecordingLog } from "../checks/fixture.ts";
import { createChance, Worker } from "./checks-world.ts";
import { createRandom, seed } from "./random.ts";

/** Ten thousand and more in `npm run fuzz`. */
const envelopes = Number(process.env["FUZZ_RUNS"] ?? 2000);
/** Envelopes for one set of lists. */
const each = 100;
/** No store may be too slow for a busy machine; ms. */
const patience = 60_000;

/** Programs, and what would only wait or refuse everybody. */
const leftOut = new Set(["spp", "tarpit", "authrequired"]);
const tried = checks.filter(({ name }) => !leftOut.has(name));
/** What these decide is meant for others: whom to leave alone, or another recipient in place of this one. */
const speakers = new Set(["whitelist", "dnswl", "disposable", "aliases", "spamtrap"]);

/** Waits for what no reply waits for: counts of refusals, and the blocks that come of them, one after another. */
async function settle(state: State): Promise<void> {
  const table = state.table("settled", { ttl: 1000, most: 1 });
  for (let i = 0; i < 4; i++) {
    await table.get("none");
  }
}

describe(`checks under random envelopes (seed ${seed})`, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-fuzz-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("decides alike with two workers and with one", async () => {
    const chance = createChance(createRandom(seed));
    let time = 1_700_000_000_000;
    const now = (): number => time;
    const log = new RecordingLog();
    const file = join(folder, "state.sqlite");
    const shared = [0, 1].map(() => new State(new SqliteStore(file, log, now), log, patience));
    // By the test's clock too: by the machine's, a count ends here a moment before it ends there, on a busy day.
    const own = new State(new MemoryStore(now), log);
    await Promise.all([...shared, own].map((state) => state.ready()));
    const verdicts = new Map<string, number>();
    for (let batch = 0; batch * each < envelopes; batch++) {
      const lists = join(folder, `alike-${batch}`);
      chance.writeLists(lists);
      const pair = shared.map((state) => new Worker({ checks: tried, folder: lists, state, now }));
      const single = new Worker({ checks: tried, folder: lists, state: own, now });
      for (let i = 0; i < each; i++) {
        // Longer than a worker goes on without looking for blocks of the other one: until then it may not know of one.
        time += 1000 + Math.floor(chance.random() * 600_000);
        const envelope = chance.envelope();
        const which = Math.floor(chance.random() * 2);
        const [state, worker] = [shared[which] as State, pair[which] as Worker];
        const together = await worker.judge(envelope);
        const alone = await single.judge(envelope);
        expect(together, `seed ${seed}, lists ${batch}, ${JSON.stringify(envelope)}\n${log.lines.join("\n")}`).toEqual(
          alone,
        );
        if (alone.some((words) => words !== "pass")) {
          await settle(state);
        }
        for (const words of alone) {
          const kind = words.split(" ", 1)[0] ?? "";
          verdicts.set(kind, (verdicts.get(kind) ?? 0) + 1);
        }
      }
      rmSync(lists, { recursive: true });
    }
    await Promise.all([...shared, own].map((state) => state.close()));
    // Else the envelopes would not reach the checks.
    expect(verdicts.get("listed") ?? 0).toBeGreaterThan(envelopes / 100);
    expect(verdicts.get("greylisted") ?? 0).toBeGreaterThan(envelopes / 100);
    expect(verdicts.get("passed") ?? 0).toBeGreaterThan(envelopes / 100);
  }, 3_600_000);

  it("changes no verdict of a check when another one is taken from the list", async () => {
    const chance = createChance(createRandom(seed + 1));
    let time = 1_700_000_000_000;
    const now = (): number => time;
    const removable = tried.filter(({ name }) => !speakers.has(name));
    let compared = 0;
    for (let batch = 0; batch * each < envelopes; batch++) {
      const lists = join(folder, `removed-${batch}`);
      chance.writeLists(lists);
      // Nothing is remembered from one envelope to the next: what a check is not asked, it cannot remember.
      let state = new State(new MemoryStore(), silentLog);
      const tables: Tables = {
        table: <Row>(name: string, bounds: { readonly ttl: number; readonly most: number }) =>
          new Table<Row>({ name, ...bounds }, (call, read) => state.within(name, call, read)),
      };
      const removed = chance.pick(removable);
      const heard = [new Map<string, string>(), new Map<string, string>()];
      const workers = [tried, tried.filter((check) => check !== removed)].map(
        (list, i) =>
          new Worker({
            checks: list,
            folder: lists,
            state: tables,
            now,
            hear: (key, words) => heard[i]?.set(key, words),
          }),
      );
      for (let i = 0; i < each; i++) {
        time += 60_000;
        const envelope = chance.envelope();
        for (const worker of workers) {
          state = new State(new MemoryStore(), silentLog);
          await worker.judge(envelope);
        }
        const [all, fewer] = heard.map((map) => [...map]);
        const others = new Map(fewer);
        const common = (all ?? []).filter(([key]) => others.has(key));
        compared += common.length;
        const where = `seed ${seed}, lists ${batch}, without ${removed.name}, ${JSON.stringify(envelope)}`;
        expect(
          common.map(([key]) => [key, others.get(key)]),
          where,
        ).toEqual(common);
        heard.forEach((map) => map.clear());
      }
      rmSync(lists, { recursive: true });
    }
    expect(compared).toBeGreaterThan(envelopes * 10);
  }, 3_600_000);
});
