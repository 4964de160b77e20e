/** No list is published that would refuse those who get mail, by the relay's own way to ask a list. */
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "vitest";

import { createDomains } from "../../src/mail/domains.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { hashed } from "../../src/traffic/record.ts";
import { guardTraffic } from "../../sync/judge/traffic-guard.ts";
import type { TrafficFacts } from "../../sync/judge/traffic-guard.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import { trafficStatePath } from "../../sync/remember/traffic-state.ts";
import type { JobOptions } from "../../sync/run/full.ts";
import type { Fate } from "../../sync/source.ts";
import { addresses, found, listSource, memoryLog, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { guardBy, now, secret, writeTraffic } from "./scene.ts";

const domains = createDomains(["kontor.example", "plant.example"], { "kontor.test": "kontor.example" });

describe("the judgement on lost recipients", () => {
  const loss = (name: string, week: number, fate?: Fate) => ({ name, week, fate });
  const facts = (losses: TrafficFacts["losses"], more: Partial<TrafficFacts> = {}): TrafficFacts => ({
    ...{ losses, earlier: [], active: 1000, messages: 10_000, changed: false, maxLoss: 0.001, maxActive: 5 },
    ...more,
  });
  const many = (count: number, week: number, fate?: Fate) =>
    Array.from({ length: count }, (_, i) => loss(`a${i}@x`, week, fate));

  it("names them, busiest first, and says what to do", () => {
    expect(guardTraffic(facts([loss("a@x", 1), loss("b@x", 38), loss("c@x", 2)]))).toEqual([
      "This list would have refused 3 recipients who got 41 messages this week: b@x (38), c@x (2), a@x (1) (0.41% of all, max_traffic_loss is 0.1%). If this is right, run `goodmailto sync --accept-traffic-loss` once",
    ]);
  });

  it.each([
    ["nobody", facts([])],
    ["a share of 0.1 %", facts([loss("a@x", 10)])],
    ["five who got little", facts(many(5, 2))],
    ["the busiest, whose entry left the directory", facts([loss("a@x", 3000, "left")])],
    ["ten of a thousand, whose entries left", facts(many(10, 30, "left"))],
    ["five of fifty, whose entries left", facts(many(5, 30, "left"), { active: 50, messages: 1000 })],
  ])("believes the loss of %s", (_, given) => {
    expect(guardTraffic(given)).toEqual([]);
  });

  it.each([
    ["more than 0.1 %", facts([loss("a@x", 11)]), "max_traffic_loss"],
    ["six who got nothing this week", facts(many(6, 0)), "max_active_loss is 5"],
    ["one more, after five within a day", facts([loss("b@x", 0)], { earlier: many(5, 0) }), "of the last 24 hours"],
    ["one whose entry is there as it was", facts([loss("a@x", 0, "there")]), "unchanged"],
    ["one after a change of settings", facts([loss("a@x", 0, "left")], { changed: true }), "settings"],
    ["eleven of a thousand, whose entries left", facts(many(11, 0, "left")), "more than 10 at once"],
    ["the only one who gets mail", facts([loss("a@x", 1)], { active: 1, messages: 1 }), "100% of all"],
  ])("does not believe the loss of %s", (_, given, words) => {
    expect(guardTraffic(given)).toEqual([expect.stringContaining(words)]);
  });

  it("names twenty at most", () => {
    const [reason = ""] = guardTraffic(facts(many(30, 5)));
    expect(reason.match(/@x/g)).toHaveLength(20);
    expect(reason).toContain(", and others (");
  });
});

describe("a sync asks who got mail", () => {
  let path: string;
  let traffic: string;
  const people = [...addresses(40), found("boss", "shortname"), "x@plant.example"];

  beforeEach(() => {
    const folder = temporaryFolder();
    path = join(folder, "snapshot.sqlite");
    traffic = join(folder, "traffic.txt");
  });

  async function run(list: typeof people, more: Partial<JobOptions> = {}) {
    const log = memoryLog();
    const options = { log, now: () => now, traffic: guardBy([traffic], domains), ...more };
    const outcome = await sync(path, [listSource("list", list)], {
      settings: { max_shrink: 0.5, keep: 1 },
      ...options,
    });
    const reasons = outcome.kind === "refused" ? outcome.reasons.join("\n") : "";
    return { kind: outcome.kind, reasons, warnings: log.lines.filter(({ level }) => level === "warning") };
  }
  const without = (...names: string[]) =>
    people.filter((one) => !names.includes(typeof one === "string" ? one : String(one.key)));

  it("and does not publish without one of them, unless a person says so", async () => {
    writeTraffic(traffic, { "a1@kontor.example": 41, "a2@kontor.example": 500 });
    expect(await run(people)).toMatchObject({ kind: "published", warnings: [] });
    expect((await run(without("a3@kontor.example"))).kind).toBe("published");
    const refused = await run(without("a1@kontor.example"));
    expect(refused.kind).toBe("refused");
    expect(refused.reasons).toContain("1 recipient who got 41 messages this week: a1@kontor.example (41)");
    expect((await run(without("a1@kontor.example"), { acceptShrink: true })).kind).toBe("refused");
    const accepted = await run(without("a1@kontor.example"), { acceptTraffic: true });
    expect(accepted.kind).toBe("published");
    expect(accepted.warnings).toMatchObject([
      { event: "the list refuses recipients who got mail", fields: { recipients: 1, messages: 41 } },
    ]);
    // Once: the next loss is judged again, and this one is no loss any more.
    expect(await run(without("a1@kontor.example"))).toMatchObject({ kind: "published", warnings: [] });
    expect((await run(without("a1@kontor.example", "a2@kontor.example"))).kind).toBe("refused");
  });

  it("by short name, alias domain and catch-all, as the relay asks", async () => {
    writeTraffic(traffic, { "boss@kontor.example": 9, "a1@kontor.example": 9, "x@plant.example": 9 });
    await run(people);
    expect((await run(without("boss"))).reasons).toContain("boss@kontor.example (9)");
    const rest = without("boss", "x@plant.example");
    const open = { ...found("boss@plant.example"), key: "@plant.example", kind: "catchall" } as (typeof people)[number];
    const boss = found("boss@kontor.example");
    // Still accepted, under other names.
    expect((await run([...rest, boss, open], { acceptGrowth: true })).kind).toBe("published");
    writeTraffic(traffic, { "@plant.example": 5 });
    expect((await run([...rest, boss])).reasons).toContain("@plant.example (5)");
  });

  it("holds what a change of the settings loses, however little mail it got", async () => {
    writeTraffic(traffic, { "a1@kontor.example": 5000, "a2@kontor.example": 1 });
    await run(people);
    expect((await run(without("a3@kontor.example"), { traffic: guardBy([traffic], domains) })).kind).toBe("published");
    const changed = { traffic: guardBy([traffic], domains, { settings: "another filter" }) };
    expect((await run(without("a2@kontor.example"), changed)).reasons).toContain("settings of the sources");
    expect((await run(people, changed)).kind).toBe("published");
    expect((await run(without("a2@kontor.example"), changed)).kind).toBe("published");
  });

  it("holds one who becomes restricted to the inside", async () => {
    writeTraffic(traffic, { "a1@kontor.example": 41 });
    await run(people);
    const rest = without("a1@kontor.example");
    expect((await run([...rest, { ...found("a1@kontor.example"), rule: "internal" }])).kind).toBe("refused");
  });

  it("in a hashed list too, by hashes", async () => {
    const form = createKeyedForm(secret, "address");
    const protection = { protection: { ...unprotected, form } };
    writeTraffic(traffic, { "boss@kontor.example": 9, "a1@kontor.example": 50, "@plant.example": 1 });
    await run(people, protection);
    const { full } = hashed({ user: "a1", domain: "kontor.example" }, form);
    const refused = await run(without("a1@kontor.example"), protection);
    expect(refused.reasons).toContain(`50 messages this week: ${full} (50)`);
    expect((await run(without("boss"), protection)).kind).toBe("refused");
    // The short name is gone, and the address is there: the relay accepts it.
    expect((await run([...without("boss"), found("boss@kontor.example")], protection)).kind).toBe("published");
  });

  it.each(["plain", "hashed"])("by user parts alone, in a %s list", async (kind) => {
    const form = createKeyedForm(secret, "user-part");
    const recipients = { match: "user-part" } as const;
    const given = {
      traffic: guardBy([traffic], domains, { recipients }),
      ...(kind === "plain" ? {} : { protection: { ...unprotected, form } }),
    };
    writeTraffic(traffic, { "a1@plant.example": 50, "a2@plant.example": 2 }, { match: "user-part" });
    await run(people, given);
    expect((await run(without("a1@kontor.example"), given)).kind).toBe("refused");
    const moved = [...without("a1@kontor.example"), found("a1@plant.example")];
    expect((await run(moved, given)).kind).toBe("published");
  });

  it.each([
    ["is absent", (file: string) => rmSync(file), "traffic not read"],
    ["is damaged", (file: string) => writeFileSync(file, "goodmailto-traffic 1 rubbish\n"), "traffic not usable"],
    [
      "is a week old",
      (file: string) => writeTraffic(file, {}, { written: now - 7 * 86_400_000 }),
      "traffic not usable",
    ],
    ["is of another secret", (file: string) => writeTraffic(file, {}, { key: "77".repeat(32) }), "traffic not usable"],
  ])("with a warning, and the other guards, where the file %s", async (_, spoil, event) => {
    writeTraffic(traffic, { "a1@kontor.example": 41 });
    await run(people);
    spoil(traffic);
    const published = await run(without("a1@kontor.example"));
    expect(published.kind).toBe("published");
    expect(published.warnings).toMatchObject([{ event: expect.stringContaining(event) }]);
    expect((await run(people.slice(0, 5))).reasons).toContain("The whole list lost");
  });

  it("and leaves what it remembers as it is where nothing about it is new", async () => {
    writeTraffic(traffic, { "a1@kontor.example": 1 });
    const remembered = (): string => {
      const { ino, mtimeNs } = statSync(trafficStatePath(path), { bigint: true });
      return `${ino} ${mtimeNs}`;
    };
    await run(people);
    const before = remembered();
    await run([...people, "new@kontor.example"]);
    expect(remembered()).toBe(before);
    await run(without("a1@kontor.example"), { acceptTraffic: true });
    expect(remembered()).not.toBe(before);
  });

  it("of several relays together, and is quiet where no relay ever was", async () => {
    const other = `${traffic}.2`;
    const both = { traffic: guardBy([traffic, other], domains) };
    writeTraffic(traffic, { "a1@kontor.example": 1, "a2@kontor.example": 600 });
    writeTraffic(other, { "a1@kontor.example": 1, "a3@kontor.example": 600 });
    await run(people, both);
    expect((await run(without("a1@kontor.example"), both)).reasons).toContain("a1@kontor.example (2)");
    const quiet = guardBy([`${path}.nowhere`], domains, { named: false });
    rmSync(trafficStatePath(path));
    expect(await run(without("a1@kontor.example"), { traffic: quiet })).toMatchObject({
      kind: "published",
      warnings: [],
    });
  });
});
