/** The pages that read the lists that are kept: each list once, and never longer than a moment at a time. */
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { loadPlaced } from "../../src/compose/settings.ts";
import { trustOf } from "../../src/compose/trust.ts";
import { textOf } from "../../src/web/html/markup.ts";
import { Knowledge } from "../../src/web/knowledge.ts";
import { differencePage } from "../../src/web/pages/difference-page.ts";
import { explainPage } from "../../src/web/pages/explain-page.ts";
import { listPage } from "../../src/web/pages/list-page.ts";
import { readHistory } from "../../sync/remember/history.ts";
import { HistoryReader } from "../../sync/remember/history-reader.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";

describe("pages of the kept lists", () => {
  let folder: string;
  const path = (name: string): string => join(folder, name);
  const snapshot = (): string => path("snapshot.sqlite");
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-lists-"));
    await publishSnapshot(snapshot(), ["a@kontor.example", "b@kontor.example"], [], 5);
    await publishSnapshot(snapshot(), ["a@kontor.example", "c@kontor.example"], [], 5);
    await publishSnapshot(snapshot(), ["a@kontor.example", '"<d>"@kontor.example'], [], 5);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function knowledge(): Knowledge {
    writeFileSync(
      path("goodmailto.toml"),
      `[smtp]\nstatus_folder = "${folder}"\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:1"\n`,
    );
    const loaded = loadPlaced(path("goodmailto.toml"));
    if (loaded === undefined) {
      throw new Error("the configuration has errors");
    }
    return new Knowledge(loaded, trustOf(loaded.settings), async () => ({}));
  }

  it("says the same as a reader that reads all, and goes on where it stopped", () => {
    const reader = new HistoryReader();
    const all = readHistory(snapshot());
    expect(all.lists).toHaveLength(3);
    // Nothing is read when the time is over at the start.
    expect(reader.read(snapshot(), -1)).toEqual({ lists: [], damaged: [], left: 3 });
    expect(reader.read(snapshot(), 60_000)).toEqual({ ...all, left: 0 });
    // What was read needs no time.
    expect(reader.read(snapshot(), -1)).toEqual({ ...all, left: 0 });
  });

  it("knows a list under its next name, reads a new one, and sees a damaged one when it is good again", async () => {
    const reader = new HistoryReader();
    reader.read(snapshot(), 60_000);
    renameSync(path("snapshot.sqlite.2"), path("snapshot.sqlite.3"));
    renameSync(path("snapshot.sqlite.1"), path("snapshot.sqlite.2"));
    const renamed = reader.read(snapshot(), -1);
    expect(renamed.lists.map(({ name }) => name)).toEqual(["current", "2", "3"]);
    expect(renamed.lists.map((list) => list.path)).toEqual(["", ".2", ".3"].map((end) => snapshot() + end));
    writeFileSync(path("snapshot.sqlite.1"), "no list");
    expect(reader.read(snapshot(), 60_000).damaged).toMatchObject([{ name: "1" }]);
    copyFileSync(path("snapshot.sqlite.2"), path("snapshot.sqlite.1"));
    expect(reader.read(snapshot(), 60_000)).toEqual({ ...readHistory(snapshot()), left: 0 });
    await publishSnapshot(snapshot(), ["a@kontor.example", "e@kontor.example"], [], 9);
    expect(reader.read(snapshot(), -1)).toMatchObject({ left: 1 });
    expect(reader.read(snapshot(), 60_000)).toEqual({ ...readHistory(snapshot()), left: 0 });
  });

  it("show what changed from list to list, and again after the next sync", async () => {
    const known = knowledge();
    const shown = (): string => textOf(listPage(known.desk()).body).replaceAll(/\s+/g, " ");
    const numbers =
      '<td role="cell" class="number">2</td><td role="cell" class="number">+1</td><td role="cell" class="number">−1</td>';
    expect(shown().split(numbers)).toHaveLength(3);
    await publishSnapshot(snapshot(), ["a@kontor.example", "e@kontor.example"], [], 5);
    expect(shown().split(numbers)).toHaveLength(4);
    expect(shown()).not.toContain("still being read");
  });

  it("show differences as text, and explain an address over all lists", async () => {
    const known = knowledge();
    const difference = (query: string): string => textOf(differencePage(known.desk(), new URLSearchParams(query)).body);
    expect(difference("older=2")).toContain("&lt;d&gt;");
    expect(difference("older=2")).toContain("b@kontor.example");
    expect(difference("older=9")).toContain("Cannot compare");
    const explained = await explainPage(known.desk(), new URLSearchParams({ address: "c@kontor.example" }));
    expect(textOf(explained.body)).toMatch(/refused[\s\S]*gone since/);
  });
});
