/** Kept lists that are torn: nothing that they say is believed, and what others say in their place is not made up. */
import { openSync, closeSync, readFileSync, rmSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { explainAt } from "../../src/compose/explained.ts";
import { openLists } from "../../src/compose/kept-lists.ts";
import { loadPlaced } from "../../src/compose/settings.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { openSealed } from "../../src/snapshot/sealed.ts";
import { readHistory } from "../../sync/remember/history.ts";
import { addresses, listSource, mailbox, publish, temporaryFolder } from "../snapshot/fixture.ts";

const hour = 3_600_000;
const anna = "anna@kontor.example";

/** Lists of the hours 1 to 4; she is in those of 2 and 3. They are kept as files, and with `past` as differences too. */
async function fourLists(past: boolean) {
  const path = join(temporaryFolder(), "snapshot.sqlite");
  const keepFor = past ? { keep_for: 99 * hour } : {};
  for (const [at, more] of [[], [anna], [anna, "b@kontor.example"], ["c@kontor.example"]].entries()) {
    const settings = { max_shrink: 1, keep: 9, ...keepFor };
    const now = (): number => (at + 1) * hour;
    await publish(path, [listSource("list", [...addresses(30), ...more])], { settings, now });
  }
  const config = join(path, "../c.toml");
  writeFileSync(config, '[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n');
  const settings = loadPlaced(config)?.settings;
  if (settings === undefined) {
    throw new Error("the configuration has errors");
  }
  const explain = async (hours: number) => {
    const said = await explainAt(settings, plainTrust, mailbox(anna), anna, hours * hour);
    return typeof said === "string" ? said : { verdict: said.verdict, list: said.list, since: said.since };
  };
  return { path, settings, explain };
}

/** Another letter in her key, which SQLite does not mind. */
function tear(path: string): void {
  const at = readFileSync(path).indexOf("anna@");
  const file = openSync(path, "r+");
  writeSync(file, "e", at);
  closeSync(file);
}

const time = (hours: number): string => new Date(hours * hour).toISOString();

describe("a torn list", () => {
  it("is not believed, and no other list answers for its time", async () => {
    const { path, explain } = await fourLists(false);
    expect(await explain(3.5)).toEqual({
      verdict: "accepted",
      list: "1",
      since: `exists since ${time(2)}, until ${time(4)}`,
    });
    tear(`${path}.1`);
    const doubt = `${path}.1 is damaged: its checksum is wrong`;
    expect(await explain(3.5)).toContain(doubt);
    expect(await explain(2.5)).toContain(`no list of ${time(2.5)}`);
    expect(await explain(1.5)).toEqual({
      verdict: "refused",
      list: "3",
      since: `not listed since ${time(1)} or before, the oldest list that is kept, until ${time(2)}; ${doubt}`,
    });
    expect(await explain(5)).toMatchObject({ verdict: "refused", list: "current" });
    expect(readHistory(path).damaged).toMatchObject([{ name: "1", why: "its checksum is wrong" }]);
  });

  it("is made up for by differences, where they are kept", async () => {
    const { path, explain } = await fourLists(true);
    tear(`${path}.1`);
    expect(await explain(3.5)).toMatchObject({ verdict: "accepted", list: "past" });
    expect(await explain(2.5)).toMatchObject({ verdict: "accepted", list: "2" });
    rmSync(`${path}.2`);
    expect(await explain(2.5)).toEqual({
      verdict: "accepted",
      list: "past",
      since: `exists since ${time(2)}, until ${time(4)}; ${path}.1 is damaged: its checksum is wrong`,
    });
  });

  it("gives no differences, where it is the one that serves", async () => {
    const { path, explain } = await fourLists(true);
    rmSync(`${path}.3`);
    expect(await explain(1.5)).toMatchObject({ verdict: "refused", list: "past" });
    const bytes = readFileSync(path);
    bytes.write("b", bytes.indexOf("a29@"));
    rmSync(path);
    writeFileSync(path, bytes);
    expect(await explain(5)).toContain(`${path} is damaged`);
    expect(await explain(1.5)).toContain(`no list of ${time(1.5)}`);
    expect(await explain(3.5)).toContain(`no list of ${time(3.5)}`);
    expect(await explain(2.5)).toMatchObject({ verdict: "accepted", list: "2" });
  });

  it("is seen when it is torn while it is open, and is hashed again when it was changed since", async () => {
    const { path, settings } = await fourLists(false);
    const verified = new Set<string>();
    const isSame = (): readonly boolean[] => {
      using kept = openLists(settings, plainTrust, verified);
      return kept.lists.map((list) => list.isSame());
    };
    expect(isSame()).toEqual([true, true, true, true]);
    expect(verified.size).toBe(4);
    {
      using kept = openLists(settings, plainTrust, verified);
      tear(`${path}.1`);
      utimesSync(`${path}.1`, 1, 1);
      expect(kept.lists.map((list) => list.isSame())).toEqual([true, false, true, true]);
    }
    expect(isSame()).toEqual([true, true, true]);
    expect(verified.size).toBe(3);
  });

  it("may be a file of any other kind", () => {
    const folder = temporaryFolder();
    expect(openSealed(folder)).toMatchObject({ why: "unreadable", detail: "no regular file" });
    expect(openSealed(join(folder, "none"))).toMatchObject({ why: "missing" });
    writeFileSync(join(folder, "text"), "no list");
    expect(openSealed(join(folder, "text"))).toMatchObject({ why: "not a database" });
    writeFileSync(join(folder, "empty"), "");
    expect(openSealed(join(folder, "empty"))).toMatchObject({ why: "not a database" });
  });
});
