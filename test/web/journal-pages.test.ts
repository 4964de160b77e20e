/** The pages of the journal over many rows: bounded work, whoever is looked for, and whatever one session did. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { loadPlaced } from "../../src/compose/settings.ts";
import { trustOf } from "../../src/compose/trust.ts";
import { openPart, finishPart, PartWriter } from "../../src/trace/part-file.ts";
import { currentPart } from "../../src/trace/parts.ts";
import { textOf } from "../../src/web/html/markup.ts";
import { Knowledge } from "../../src/web/knowledge.ts";
import { hopsPage } from "../../src/web/pages/hops-page.ts";
import { journalPage } from "../../src/web/pages/journal-page.ts";
import { messagePage } from "../../src/web/pages/message-page.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { deliveryOf, eventOf } from "../trace/events.ts";

const rows = 5000;
const hot = "192.0.2.7";

describe("the pages of the journal", () => {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-journal-pages-"));
  let knowledge: Knowledge;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(async () => {
    const path = (name: string): string => join(folder, name);
    await publishSnapshot(path("snapshot.sqlite"), ["vera@kontor.example"]);
    writeFileSync(
      path("goodmailto.toml"),
      `[smtp]\nstatus_folder = "${folder}"\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:1"\n[trace]\nkeep = "30d"\nfolder = "${folder}"\n`,
    );
    const loaded = loadPlaced(path("goodmailto.toml"));
    if (loaded === undefined) {
      throw new Error("the configuration has errors");
    }
    knowledge = new Knowledge(loaded, trustOf(loaded.settings), async () => ({}));
    const now = Date.now();
    const database = openPart(currentPart(folder, { keep: 1e12, maxSize: 1e12 }, now), () => undefined);
    const ref = (session: string, nth: number) => ({ session, ref: `${session}-${nth}` });
    new PartWriter(database).write([
      ...Array.from({ length: rows }, (_, i) =>
        deliveryOf({ at: now - rows + i, ip: hot, ...ref("0".repeat(16), i + 1) }),
      ),
      ...Array.from({ length: 150 }, () => eventOf({ at: now, ip: "192.0.2.9", ...ref("1".repeat(16), 1) })),
      eventOf({ at: now, ip: "192.0.2.10", session: "", ref: "", recipients: [], stage: "connection" }),
      eventOf({ at: now, ip: "", session: "", ref: "", recipients: [] }),
    ]);
    finishPart(database);
  });

  const journal = (query: string): string => textOf(journalPage(knowledge.desk(), new URLSearchParams(query)).body);
  const rowsIn = (text: string): number => text.match(/<tr role="row">/g)?.length ?? 0;

  it("show fifty events, whatever there is, and lead to the next ones", () => {
    for (const query of ["", `q=${hot}`, "kind=delivered", `q=${hot}&kind=delivered&since=today`]) {
      const text = journal(query);
      expect(rowsIn(text), query).toBe(51);
      const [, next = ""] = /<a href="\?([^"]+)" rel="next"/.exec(text) ?? [];
      expect(next, query).toContain("from=");
      const older = journal(next.replaceAll("&amp;", "&"));
      expect(rowsIn(older), query).toBe(51);
      expect(older).toContain(">Newest</a>");
      expect(older).not.toBe(text);
    }
    expect(journal("q=nobody@kontor.example.org")).toContain("Nothing was found.");
    expect(journal("since=soon")).toContain("is no time");
  });

  it("lead from a client without a session to the client, and nowhere where nothing is known", () => {
    const text = journal("q=192.0.2.10");
    expect(text).toContain('href="/journal?q=192.0.2.10"');
    expect(journal("kind=refused").match(/<th scope="row" role="rowheader"><time/g)).toHaveLength(1);
  });

  it("explain twenty recipients of a session and no more", async () => {
    const page = await messagePage(knowledge.desk(), new URLSearchParams({ ref: "1".repeat(16) }));
    const text = textOf(page.body);
    expect(text.match(/<section/g)).toHaveLength(100);
    expect(text.match(/The list on/g)).toHaveLength(20);
    expect(text).toContain("the first 20 are explained");
  });

  it("take the times of next hops from the newest deliveries", async () => {
    const text = textOf((await hopsPage(knowledge.desk())).body);
    expect(text).toContain("of the last 2,000 deliveries");
    expect(text).toMatch(/inside\.example:25<\/span><\/th><td role="cell" class="number">2,000<\/td>/);
  });
});
