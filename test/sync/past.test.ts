/** Lists of a month as differences: each one is made whole again as it was, and `explain --at` knows it. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { inspectBytes } from "../../src/snapshot/inspect.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import { openPast } from "../../sync/remember/past.ts";
import { runDelta } from "../../sync/run/delta.ts";
import { rollBack } from "../../sync/run/rollback.ts";
import type { FoundAddress, Source } from "../../sync/source.ts";
import { found, listSource, memoryLog, publish, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

const hour = 3_600_000;
const start = Date.parse("2026-10-01T00:00:00Z");
const settings = { max_shrink: 1, keep: 1, keep_for: 30 * 24 * hour } as const;

/** What a list says: its rows by the name of their source, and its sources. */
function contentOf(path: string): unknown {
  using database = opened(path);
  return {
    rows: database.all(
      "SELECT key, name, kind, entry, rule, gone FROM recipient JOIN source ON source = id ORDER BY key, name",
    ),
    sources: database.all("SELECT id, name, domains, reached FROM source ORDER BY id"),
    since: database.all("SELECT value FROM meta WHERE key = 'since'"),
  };
}

function opened(path: string) {
  const database = new Database(path, { readonly: true });
  return { all: (sql: string) => database.prepare(sql).all(), [Symbol.dispose]: () => void database.close() };
}

function restored(path: string, id: number): string {
  const past = openPast(path);
  const target = join(temporaryFolder(), "past.sqlite");
  past?.restore(id, target);
  past?.close();
  return target;
}

/** A source that can tell its changes. */
function changing(news: readonly FoundAddress[], reached: string, all: readonly FoundAddress[] = []): Source {
  const batch = (list: readonly FoundAddress[]) => ({ entries: list.length, found: list, skipped: {}, reached });
  return {
    name: "changing",
    domains: [],
    async *read() {
      yield batch(all);
    },
    async *readChanges() {
      yield batch(news);
    },
  };
}

describe("lists of the past", () => {
  it("are each made whole again, whatever came, went, changed or moved between sources", async () => {
    const user = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const row = fc.record({
      user,
      kind: fc.constantFrom("account", "alias", "group"),
      entry: fc.constantFrom("cn=1", "cn=2"),
    });
    const list = fc.uniqueArray(row, { selector: (one) => one.user, maxLength: 6 });
    const lists = fc.array(fc.record({ one: list, two: list, swapped: fc.boolean() }), { minLength: 2, maxLength: 6 });
    const property = fc.asyncProperty(lists, async (steps) => {
      const path = join(temporaryFolder(), "snapshot.sqlite");
      const seen: { readonly content: unknown; readonly since: number }[] = [];
      for (const [step, { one, two, swapped }] of steps.entries()) {
        const rows = (all: typeof one): FoundAddress[] =>
          all.map((each) => found(`${each.user}@kontor.example`, each.kind as "account", each.entry));
        const sources = [
          listSource("one", [found("always@kontor.example"), ...rows(one)]),
          listSource("two", rows(two)),
        ];
        const now = (): number => start + step * hour;
        const before = existsSync(path) ? contentOf(path) : undefined;
        const outcome = await sync(path, swapped ? sources.toReversed() : sources, {
          settings,
          now,
          acceptShrink: true,
        });
        expect(outcome.kind).toBe("published");
        const since = Number(
          (opened(path).all("SELECT value FROM meta WHERE key = 'since'")[0] as { value: string }).value,
        );
        // The same list goes on: the file that was made again is the one that the next differences are of.
        if (before !== undefined && seen.at(-1)?.since === since) {
          seen.pop();
        }
        seen.push({ content: contentOf(path), since });
      }
      const past = openPast(path);
      const kept = past?.lists.toReversed() ?? [];
      past?.close();
      expect(kept.map(({ since }) => since)).toEqual(seen.slice(0, -1).map(({ since }) => since));
      for (const [at, { id }] of kept.entries()) {
        const target = restored(path, id);
        expect(inspectBytes(readFileSync(target))).toBeUndefined();
        expect(contentOf(target)).toEqual(seen[at]?.content);
      }
    });
    await fc.assert(property, { numRuns: 6 });
  });

  it("differ from what incremental syncs and a rollback make of their successor, too", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const [a, b, c, d] = ["a", "b", "c", "d"].map((user) => found(`${user}@kontor.example`)) as [
      FoundAddress,
      FoundAddress,
      FoundAddress,
      FoundAddress,
    ];
    const job = (source: Source, at: number) => ({
      ...{ sources: [source], settings, path, log: memoryLog(), signal: AbortSignal.timeout(20_000), version: "0" },
      now: () => start + at * hour,
    });
    await publish(path, [changing([], "1", [a, b])], { settings, now: () => start, acceptShrink: true });
    const first = contentOf(path);
    await publish(path, [changing([], "2", [b, c])], { settings, now: () => start + 1 * hour, acceptShrink: true });
    expect((await runDelta(job(changing([d], "3"), 2), new Map())).kind).toBe("published");
    expect(contentOf(restored(path, 1))).toEqual(first);
    const second = contentOf(path);
    const back = {
      path,
      from: `${path}.1`,
      reason: "look",
      keep: 1,
      keepFor: settings.keep_for,
      protection: unprotected,
    };
    expect(rollBack({ ...back, now: start + 3 * hour, log: memoryLog() }).kind).toBe("published");
    expect([contentOf(restored(path, 1)), contentOf(restored(path, 2))]).toEqual([first, second]);
  });

  it("go when they are too old, when their file belongs to another list, under other keys, and when none is wanted", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const count = (): number | undefined => {
      const past = openPast(path);
      past?.close();
      return past?.lists.length;
    };
    const put = (user: string, at: number, more: object = {}): Promise<void> =>
      publish(path, [listSource("list", ["x@kontor.example", `${user}@kontor.example`])], {
        ...{ settings, now: () => start + at * hour, acceptShrink: true, ...more },
      });
    for (const [at, user] of ["a", "b", "c"].entries()) {
      await put(user, at);
    }
    expect(count()).toBe(2);
    expect(statSync(`${path}.past`).mode & 0o777).toBe(0o640);
    await put("d", 24 * 30 + 1.5);
    expect(count()).toBe(2);
    const other = join(temporaryFolder(), "other.sqlite");
    await publish(other, [listSource("list", ["y@kontor.example"])]);
    writeFileSync(path, readFileSync(other));
    expect(count()).toBeUndefined();
    await put("e", 24 * 30 + 3);
    expect(count()).toBe(1);
    await put("f", 24 * 30 + 4, { protection: { ...unprotected, form: createKeyedForm("ab".repeat(32), "address") } });
    expect(count()).toBe(0);
    await put("g", 24 * 30 + 5, { settings: { ...settings, keep_for: 0 } });
    expect(existsSync(`${path}.past`)).toBe(false);
  });

  it("never keep a list from being published", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const log = memoryLog();
    await publish(path, [listSource("list", ["a@kontor.example"])], { settings });
    writeFileSync(`${path}.past`, "garbage ".repeat(1000));
    await publish(path, [listSource("list", ["b@kontor.example"])], { settings, log, acceptShrink: true });
    expect(contentOf(path)).toMatchObject({ rows: [{ key: "b@kontor.example" }] });
    expect(log.lines).toContainEqual(
      expect.objectContaining({ level: "warning", event: "cannot keep the differences to the previous snapshot" }),
    );
  });

  it("let explain say what was answered weeks ago, and since when", async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o700);
    const path = join(folder, "snapshot.sqlite");
    writeFileSync(
      join(folder, "c.toml"),
      '[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n',
    );
    const people = Array.from({ length: 40 }, (_, index) => `p${index}@kontor.example`);
    for (let day = 0; day < 12; day++) {
      const anna = day >= 3 && day < 9 ? ["anna@kontor.example"] : [];
      const now = (): number => start + day * 24 * hour;
      await publish(path, [listSource("list", [...people, `day${day}@kontor.example`, ...anna])], {
        settings,
        now,
        acceptShrink: true,
      });
    }
    const explain = (user: string, day: string): { code: number | null; said: string } => {
      const words = [
        "explain",
        `${user}@kontor.example`,
        "--at",
        `2026-10-${day}T12:00:00Z`,
        "-c",
        join(folder, "c.toml"),
      ];
      const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
        encoding: "utf8",
        timeout: 30_000,
      });
      return { code: status, said: stdout + stderr };
    };
    expect(explain("anna", "06")).toEqual({
      code: 0,
      said: expect.stringContaining("list: past, served from 2026-10-06T00:00:00.000Z") as string,
    });
    expect(explain("anna", "06").said).toContain(
      "since: exists since 2026-10-04T00:00:00.000Z, until 2026-10-10T00:00:00.000Z",
    );
    expect(explain("anna", "02")).toEqual({
      code: 1,
      said: expect.stringMatching(/550 5\.1\.1.*\n.*\n[^]*since: not listed since .*or before/) as string,
    });
    expect(explain("day7", "08").code).toBe(0);
    expect(explain("day7", "09").code).toBe(1);
    rmSync(`${path}.past`);
    expect(explain("anna", "06").said).toMatch(/not known: no list of 2026-10-06/);
  });
});
