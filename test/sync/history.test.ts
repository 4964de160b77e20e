/** The lists that are kept, and the verbs that ask them. */
import { execFile } from "node:child_process";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { describeSince } from "../../src/compose/explained.ts";
import { describeHistory } from "../../src/compose/list-history.ts";
import { silentLog } from "../../src/report/log.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import type { RecipientAnswer } from "../../src/snapshot/recipients.ts";
import { diffLists, findList, listAt, parseTime, readHistory } from "../../sync/remember/history.ts";
import type { KeptList } from "../../sync/remember/history.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import { rollBack } from "../../sync/run/rollback.ts";
import type { RollbackOptions } from "../../sync/run/rollback.ts";
import { addresses, found, listSource, publish, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

const hour = 3_600_000;

/** Three lists, of the hours 1, 2 and 5; the second was published again at 3 and 4. */
async function threeLists(): Promise<string> {
  const path = join(temporaryFolder(), "snapshot.sqlite");
  const all = addresses(30);
  const second = [...all, found("team@kontor.example", "group")];
  for (const [hours, list] of [
    [1, all],
    [2, second],
    [3, second],
    [4, second],
    [5, [...second.slice(1), "new@kontor.example"]],
  ] as const) {
    await publish(path, [listSource("list", list)], { now: () => hours * hour });
  }
  return path;
}

function options(path: string, more: Partial<RollbackOptions>): RollbackOptions {
  return {
    path,
    from: path,
    reason: "",
    keep: 3,
    keepFor: 0,
    protection: unprotected,
    now: 6 * hour,
    log: silentLog,
    ...more,
  };
}

function keys(path: string): string[] {
  const reader = openSnapshot(path, silentLog);
  const found = [...addresses(30), "new@kontor.example", "team@kontor.example"].filter(
    (key) => reader.image?.findAddress(key) !== undefined,
  );
  reader.close();
  return found;
}

describe("history", () => {
  it("keeps a list once, however often it was published, and says what each changed", async () => {
    const path = await threeLists();
    const history = readHistory(path);
    expect(history.damaged).toEqual([]);
    expect(history.lists.map(({ name, since, created }) => [name, since / hour, created / hour])).toEqual([
      ["current", 5, 5],
      ["1", 2, 4],
      ["2", 1, 1],
    ]);
    expect(describeHistory(history)).toMatchObject([
      { addresses: 31, added: 1, removed: 1, kinds: { account: 30, group: 1 } },
      { addresses: 31, added: 1, removed: 0, sources: [{ name: "list", addresses: 31 }] },
      { addresses: 30, added: null, removed: null },
    ]);
  });

  it("finds a list by number, time and path, and names damaged ones", async () => {
    const path = await threeLists();
    const history = readHistory(path);
    const nameOf = (word: string): string => {
      const list = findList(history, word);
      return typeof list === "string" ? list : list.name;
    };
    expect(nameOf("current")).toBe("current");
    expect(nameOf("2")).toBe("2");
    expect(nameOf("1970-01-01T03:30:00Z")).toBe("1");
    expect(nameOf("1970-01-01T01:30:00Z")).toBe("2");
    expect(nameOf("1970-01-01T00:30:00Z")).toContain("no list is kept");
    expect(nameOf(`${path}.1`)).toBe(`${path}.1`);
    expect(nameOf("9")).toContain("goodmailto history");
    expect(listAt(history.lists, 5 * hour)?.name).toBe("current");
    expect(parseTime("soon")).toBeUndefined();
    truncateSync(`${path}.1`, 5000);
    expect(readHistory(path)).toMatchObject({
      lists: [{ name: "current" }, { name: "2" }],
      damaged: [{ path: `${path}.1` }],
    });
  });

  it("tells keys that came, went, or have another rule", async () => {
    const path = await threeLists();
    const tell = (one: string, other: string): string[] => {
      const all: string[] = [];
      diffLists(one, other, ({ sign, key, kind, rules }) =>
        all.push(`${sign}${key} ${kind} ${rules?.join(">") ?? ""}`),
      );
      return all;
    };
    expect(tell(`${path}.2`, path)).toEqual([
      "-a0@kontor.example account ",
      "+new@kontor.example account ",
      "+team@kontor.example group ",
    ]);
    const ruled = { ...found("team@kontor.example", "group"), rule: "internal" };
    await publish(path, [listSource("list", [...addresses(30).slice(1), "new@kontor.example", ruled])], {
      now: () => 6 * hour,
    });
    expect(tell(`${path}.1`, path)).toEqual(["~team@kontor.example group >internal"]);
  });
});

describe("going back", () => {
  it("serves the old list, holds it against syncs, and lets them go on when it is released", async () => {
    const path = await threeLists();
    const later = { now: () => 7 * hour };
    expect(rollBack(options(path, { from: `${path}.2`, reason: "the directory\nis wrong" }))).toEqual({
      kind: "published",
    });
    expect(keys(path)).toEqual(addresses(30));
    expect(readHistory(path).lists.map(({ name, since }) => [name, since / hour])).toEqual([
      ["current", 6],
      ["1", 5],
      ["2", 2],
      ["3", 1],
    ]);
    const reader = openSnapshot(path, silentLog);
    expect(reader.image?.held).toBe("1970-01-01T06:00:00.000Z (the directory is wrong)");
    // A list that was gone back to is not a fresh one.
    expect(reader.image?.asOf).toBe(hour);
    reader.close();

    const list = [listSource("list", [...addresses(30), "new@kontor.example"])];
    const before = readFileSync(path);
    expect(await sync(path, list, later)).toMatchObject({
      kind: "held",
      why: expect.stringContaining("--release") as string,
    });
    expect(await sync(path, list, { ...later, acceptShrink: true, acceptGrowth: true })).toMatchObject({
      kind: "held",
    });
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(await sync(path, list, { ...later, dryRun: true })).toMatchObject({ kind: "dry-run", facts: { added: 1 } });

    expect(rollBack(options(path, { reason: undefined }))).toEqual({ kind: "published" });
    expect(readHistory(path).lists).toHaveLength(4);
    expect(await sync(path, list, later)).toMatchObject({ kind: "published", facts: { added: 1, removed: 0 } });
  });

  it("refuses a damaged list and one under another key, and leaves what serves", async () => {
    const path = await threeLists();
    const before = readFileSync(path);
    truncateSync(`${path}.1`, 5000);
    expect(rollBack(options(path, { from: `${path}.1` })).kind).toBe("refused");
    expect(rollBack(options(path, { from: `${path}.7` })).kind).toBe("refused");
    const form = createKeyedForm("5a".repeat(32), "address");
    const protection = { form, signer: undefined };
    expect(rollBack(options(path, { from: `${path}.2`, protection })).kind).toBe("refused");
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("takes the lock of the syncs", async () => {
    const path = await threeLists();
    const { promise, resolve } = Promise.withResolvers<void>();
    const running = sync(path, [listSource("list", addresses(31), { wait: () => promise })], { now: () => 9 * hour });
    expect(rollBack(options(path, { from: `${path}.1` })).kind).toBe("busy");
    resolve();
    expect((await running).kind).toBe("published");
  });
});

describe("since when", () => {
  const look = (
    name: string,
    since: number,
    kind: "known" | "unknown" | "gone",
  ): Parameters<typeof describeSince>[0][number] => {
    const list = { name, since } as KeptList;
    const facts = { key: "a", source: "s", entry: "", as: "account", since: 90_000 } as const;
    return { list, found: { kind, ...facts } as RecipientAnswer };
  };

  it("goes by the lists in a row that say the same", () => {
    const looks = [
      look("current", 400_000, "unknown"),
      look("1", 300_000, "known"),
      look("2", 200_000, "known"),
      look("3", 100_000, "unknown"),
    ];
    expect([0, 1, 2, 3].map((index) => describeSince(looks, index))).toEqual([
      "gone since 1970-01-01T00:06:40.000Z",
      "exists since 1970-01-01T00:03:20.000Z, until 1970-01-01T00:06:40.000Z",
      "exists since 1970-01-01T00:03:20.000Z, until 1970-01-01T00:06:40.000Z",
      "not listed since 1970-01-01T00:01:40.000Z or before, the oldest list that is kept, until 1970-01-01T00:03:20.000Z",
    ]);
    expect(describeSince([look("current", 200_000, "gone"), look("1", 100_000, "known")], 0)).toBe(
      "gone since 1970-01-01T00:01:30.000Z",
    );
  });
});

describe("the verbs", () => {
  it("list, compare, explain, go back and release", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "goodmailto.toml");
    writeFileSync(
      config,
      `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n[recipients]\ngrace = "1h"
[[source]]\nname = "list"\ntype = "list"\nurl = ["recipients"]\n`,
    );
    const run = (...words: string[]): Promise<{ readonly code: number; readonly said: string }> =>
      new Promise((resolve) => {
        execFile(process.execPath, [main, ...words, "-c", config], { timeout: 30_000 }, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code ?? -1), said: stdout + stderr }),
        );
      });
    const write = (list: readonly string[]): void => writeFileSync(join(folder, "recipients"), `${list.join("\n")}\n`);
    expect((await run("history")).code).toBe(69);
    write(addresses(20));
    expect((await run("sync")).code).toBe(0);
    const between = new Date().toISOString();
    write([...addresses(20).slice(1), "new@kontor.example"]);
    expect((await run("sync")).code).toBe(0);

    const history = await run("history");
    expect(history.code).toBe(0);
    expect(history.said).toMatch(
      /^current: from .*, 20 addresses, \+1 -1 .*\n1: from .*, 20 addresses \(20 account; list 20\)\n$/,
    );
    expect(await run("diff", "1")).toEqual({
      code: 1,
      said: "- a0@kontor.example (account)\n+ new@kontor.example (account)\n",
    });
    expect((await run("diff", "1", "1")).code).toBe(0);

    const now = await run("explain", "a0@kontor.example");
    expect(now.code).toBe(1);
    expect(now.said).toMatch(
      /refused\n {2}reply: 450 4\.2\.1 .*\n {2}why: key "a0@kontor\.example" .* vanished .*\n.*\n {2}since: gone since /,
    );
    const then = await run("explain", "a0@kontor.example", "--at", between, "--json");
    expect(then.code).toBe(0);
    expect(JSON.parse(then.said)).toMatchObject({
      verdict: "accepted",
      list: "1",
      since: expect.stringMatching(/^exists since .* until /) as string,
    });
    expect((await run("explain", "a0@kontor.example", "--at", "2001-01-01")).code).toBe(69);

    expect((await run("rollback", "1", "--reason", "too early")).code).toBe(0);
    expect((await run("explain", "a0@kontor.example")).code).toBe(0);
    expect((await run("status")).said).toMatch(/\non hold since .* \(too early\): /);
    const held = await run("sync");
    expect(held).toMatchObject({ code: 65, said: expect.stringContaining("(too early)") as string });
    expect((await run("rollback", "--release")).code).toBe(0);
    expect((await run("sync")).code).toBe(0);
    expect((await run("rollback")).code).toBe(2);
  }, 60_000);
});
