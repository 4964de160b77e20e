import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, describe, expect, it } from "vitest";

import { buildSnapshot } from "../../sync/list/build.ts";
import { EarlyList } from "../../sync/list/early.ts";
import { createScratch } from "../../sync/read/scratch.ts";
import type { Scratch, ScratchRow } from "../../sync/read/scratch.ts";
import { memoryLog } from "../snapshot/fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-early-"));
const pathFor = (purpose: string): string => join(folder, purpose);
const minute = 60_000;

const source = { domains: "", readAt: 1, triedAt: 1, entries: 1, fault: "", reached: "" };
const sources = ["one", "two"].map((name) => ({ name, ...source }));
const facts = { sources, created: 1, host: "host", version: "1" };

/** Rows in no order, some of them twice; together they are large enough for a thread. */
function some(from: number, count: number): ScratchRow[] {
  return Array.from({ length: count }, (_, index) => {
    const number = (((from + index) * 7919) % 60_013) + from;
    return {
      key: `user${number}@x`,
      kind: index % 9 === 0 ? "alias" : "account",
      entry: `${"ou=é,".repeat(20)}${number}`,
    };
  });
}

function give(scratch: Scratch): void {
  for (let from = 0; from < 120_000; from += 1000) {
    scratch.add(from < 60_000 ? 1 : 2, some(from, 1000));
  }
}

/** All but what SQLite counts: it was written in one transaction or in two. */
function bytesOf(path: string): Buffer {
  const bytes = readFileSync(path);
  const [changes, validFor] = [24, 92];
  return bytes.fill(0, changes, changes + 4).fill(0, validFor, validFor + 4);
}

/** The list of what is put into a scratch file, by a thread as far as it comes. */
async function early(put: (scratch: Scratch) => void, deadline = minute) {
  const log = memoryLog();
  const list = new EarlyList(pathFor("new"), log, deadline);
  const scratch = createScratch(pathFor, list);
  put(scratch);
  scratch.resolveRules();
  scratch.finish();
  const filled = await list.finish();
  const built = buildSnapshot(pathFor("new"), scratch, facts, filled);
  const bytes = bytesOf(pathFor("new"));
  await list.close();
  scratch.close();
  return { filled, built, bytes, warnings: log.lines.map(({ event }) => event) };
}

function late(put: (scratch: Scratch) => void) {
  const scratch = createScratch(pathFor);
  put(scratch);
  scratch.resolveRules();
  const built = buildSnapshot(pathFor("new"), scratch, facts);
  scratch.close();
  return { built, bytes: bytesOf(pathFor("new")) };
}

describe("a list that is sorted while it is read", () => {
  const clear = (): void =>
    ["scratch", "people", "new"].forEach((purpose) => rmSync(pathFor(purpose), { force: true }));
  afterEach(clear);
  afterAll(() => rmSync(folder, { recursive: true }));

  it("has the same bytes as one that is sorted afterwards", async () => {
    const { filled, built, bytes, warnings } = await early(give);
    clear();
    const wanted = late(give);
    expect(filled).toBeGreaterThan(60_000);
    expect(warnings).toEqual([]);
    expect(built).toEqual(wanted.built);
    expect(bytes.equals(wanted.bytes)).toBe(true);
  });

  it("is given up when a source is dropped, or a rule names entries", async () => {
    const rule = 'dn:{"dns":["cn=boss"],"keys":[]}';
    const drop = (scratch: Scratch): void => {
      give(scratch);
      scratch.drop(1);
    };
    const ask = (scratch: Scratch): void => {
      give(scratch);
      scratch.add(2, [{ key: "board@x", kind: "group", entry: "", rule }]);
      scratch.addPeople(2, [{ dn: "cn=boss", keys: ["boss@x"] }]);
    };
    for (const put of [drop, ask]) {
      const { filled, built, bytes, warnings } = await early(put);
      clear();
      const wanted = late(put);
      clear();
      expect(filled).toBeUndefined();
      expect(warnings).toEqual([]);
      expect(built).toEqual(wanted.built);
      expect(bytes.equals(wanted.bytes)).toBe(true);
    }
  });

  it("is made all the same where the thread fails", async () => {
    const { filled, built, bytes, warnings } = await early(give, 1);
    clear();
    const wanted = late(give);
    expect(filled).toBeUndefined();
    expect(warnings).toEqual(["sorting while reading failed, sorting afterwards"]);
    expect(built).toEqual(wanted.built);
    expect(bytes.equals(wanted.bytes)).toBe(true);
  });
});
