/** What the guard believes: by domain, by kind, in number, growth and canaries; and that a small directory may sleep. */
import { describe, expect, it } from "vitest";

import { coreSections } from "../../src/config/schema.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { addCount, countOfDay, parseHours } from "../../sync/remember/day.ts";
import { guard } from "../../sync/judge/guard.ts";
import type { GuardFacts } from "../../sync/judge/guard.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import { compareTallies, createCanaries, findMissing, tallySnapshot } from "../../sync/list/tally.ts";
import { addresses, found, listSource, publish, sync, temporaryFolder } from "../snapshot/fixture.ts";

const usual = coreSections.sync.parse({});

/** One source with these counts is the complete list, by the defaults of the configuration. */
function facts(before: number | undefined, now: number, more: Partial<GuardFacts> = {}): GuardFacts {
  return {
    before,
    now,
    sources: [{ name: "domino", before, now }],
    maxShrink: usual.max_shrink,
    maxShrinkDomain: usual.max_shrink_domain,
    maxShrinkKind: usual.max_shrink_kind,
    minShrinkNumber: usual.min_shrink_number,
    maxShrinkNumber: usual.max_shrink_number,
    maxGrowth: usual.max_growth,
    acceptShrink: false,
    ...more,
  };
}

describe("the guard by its defaults", () => {
  it.each([
    ["ten people lose two", 10, 8],
    ["ten people with five addresses each lose two", 50, 40],
    ["two people lose one", 2, 1],
    ["a hundred lose nineteen", 100, 81],
    ["ten thousand lose a thousand", 10_000, 9000],
    ["five people become ninety", 5, 90],
    ["a hundred become a thousand", 100, 1000],
  ])("believes that %s", (_, before, now) => {
    expect(guard(facts(before, now))).toEqual([]);
  });

  it.each([
    ["ten people lose six", 10, 4, "max_shrink is 10%"],
    ["a hundred lose twenty", 100, 80, "max_shrink is 10%"],
    ["a hundred thousand lose 1001", 100_000, 98_999, "max_shrink_number is 1000"],
    ["a hundred become 1001", 100, 1001, "max_growth is 10x"],
    ["ten become 150", 10, 150, "--accept-growth"],
  ])("does not believe that %s", (_, before, now, words) => {
    const reasons = guard(facts(before, now));
    expect(reasons[0]).toContain("The whole list");
    expect(reasons[0]).toContain(words);
  });

  it("adds up small losses and growths of a day", () => {
    const day = { least: 50, most: 100 };
    expect(guard(facts(82, 80, { day }))).toEqual([
      "Within 24 hours the whole list lost 20 of 100 addresses (20%, max_shrink is 10%). If this is right, run `goodmailto sync --accept-shrink` once",
    ]);
    expect(guard(facts(82, 81, { day }))).toEqual([]);
    expect(guard(facts(82, 80, { day, acceptShrink: true }))).toEqual([]);
    expect(guard(facts(400, 501, { day }))).toEqual([expect.stringMatching(/^Within 24 hours .* from 50 to 501 /)]);
    expect(guard(facts(400, 501, { day, acceptGrowth: true }))).toEqual([]);
  });

  it("remembers a day and no more, and what a person accepted from then on", () => {
    const hour = 3_600_000;
    let hours = addCount([], 100 * hour, 1000);
    for (let i = 1; i < 300; i += 1) {
      hours = addCount(hours, 100 * hour + i * 60_000, 1000 - i);
    }
    expect(countOfDay(hours, 106 * hour)).toEqual({ least: 701, most: 1000 });
    expect(hours).toHaveLength(5);
    expect(parseHours(JSON.parse(JSON.stringify(hours)))).toEqual(hours);
    expect(parseHours([{ hour: "1", least: 2, most: 3 }, null])).toEqual([]);
    expect(countOfDay(hours, 124 * hour)).toEqual({ least: 701, most: 940 });
    expect(countOfDay(hours, 130 * hour)).toBeUndefined();
    expect(countOfDay(hours, 99 * hour)).toBeUndefined();
    expect(countOfDay(addCount(hours, 106 * hour, 600, { acceptShrink: true }), 106 * hour)).toEqual({
      least: 600,
      most: 600,
    });
    expect(countOfDay(addCount(hours, 106 * hour, 9000, { acceptGrowth: true }), 106 * hour)).toEqual({
      least: 9000,
      most: 9000,
    });
  });

  it("believes a person about loss and growth, each by its own word", () => {
    expect(guard(facts(100, 10, { acceptShrink: true }))).toEqual([]);
    expect(guard(facts(100, 10, { acceptGrowth: true }))).not.toEqual([]);
    expect(guard(facts(100, 5000, { acceptGrowth: true }))).toEqual([]);
    expect(guard(facts(100, 5000, { acceptShrink: true }))).not.toEqual([]);
  });

  it("sees the loss of one domain or kind that is small in the whole", () => {
    const domains = [{ name: "plant.example", before: 40, now: 5 }];
    expect(guard(facts(1000, 965, { domains }))).toEqual([
      'Domain "plant.example" lost 35 of 40 addresses (87.5%, max_shrink_domain is 20%). If this is right, run `goodmailto sync --accept-shrink` once',
    ]);
    const kinds = [{ name: "group", before: 60, now: 0 }];
    expect(guard(facts(1000, 940, { kinds }))[0]).toContain('Kind "group" lost 60 of 60 addresses');
    expect(guard(facts(1000, 940, { kinds, acceptShrink: true }))).toEqual([]);
  });

  it("says a loss once where one domain is the whole list", () => {
    const domains = [{ name: "kontor.example", before: 100, now: 50 }];
    expect(guard(facts(100, 50, { domains, kinds: [{ name: "account", before: 100, now: 50 }] }))).toHaveLength(2);
  });

  it("does not let go a missing canary, whatever a person says", () => {
    const reasons = guard(
      facts(100, 100, { missing: ["boss@kontor.example"], acceptShrink: true, acceptGrowth: true }),
    );
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain('"boss@kontor.example"');
  });
});

describe("a published file", () => {
  const domains = createDomains(["kontor.example", "plant.example"], { "kontor.test": "kontor.example" });

  it("is counted by domain and kind, user parts of no domain aside", async () => {
    const path = `${temporaryFolder()}/snapshot.sqlite`;
    const rows = [...addresses(5), "x@plant.example", found('"odd@user"@plant.example'), found("boss", "shortname")];
    await publish(path, [listSource("list", rows)]);
    const { domains: byDomain, kinds } = tallySnapshot(path);
    expect(Object.fromEntries(byDomain)).toEqual({ "kontor.example": 5, "plant.example": 2, "": 1 });
    expect(Object.fromEntries(kinds)).toEqual({ account: 7, shortname: 1 });
    expect(compareTallies(byDomain, new Map([["plant.example", 1]]))).toEqual([
      { name: "kontor.example", before: 5, now: 0 },
      { name: "plant.example", before: 2, now: 1 },
    ]);
  });

  it("has a canary under its relay domain, or by its user part alone", async () => {
    const path = `${temporaryFolder()}/snapshot.sqlite`;
    await publish(path, [listSource("list", ["a0@kontor.example", found("boss", "shortname")])]);
    const canaries = ["A0@KONTOR.test", "boss@plant.example", "boss", "a0@plant.example", "a0"];
    expect(findMissing(path, createCanaries(canaries, domains))).toEqual(["a0@plant.example", "a0"]);
  });

  it("has its canaries too where its keys are hashed, and no domains to tell", async () => {
    const path = `${temporaryFolder()}/snapshot.sqlite`;
    const form = createKeyedForm("5a".repeat(32), "address");
    const options = {
      protection: { ...unprotected, form },
      canaries: createCanaries(["a1@kontor.example"], domains),
      settings: { ...usual, keep: 0 },
    };
    await publish(path, [listSource("list", addresses(100))], options);
    expect(tallySnapshot(path).domains.size).toBe(0);
    const outcome = await sync(path, [listSource("list", ["a0@kontor.example", ...addresses(100).slice(2)])], options);
    expect(outcome).toMatchObject({ kind: "refused", reasons: [expect.stringContaining("a1@kontor.example")] });
  });

  it("is not replaced by one that lost a domain, a kind or a canary", async () => {
    const path = `${temporaryFolder()}/snapshot.sqlite`;
    const plant = Array.from({ length: 30 }, (_, i) => `p${i}@plant.example`);
    const groups = Array.from({ length: 30 }, (_, i) => found(`g${i}@kontor.example`, "group"));
    const list = [...addresses(900), ...plant, ...groups];
    await publish(path, [listSource("list", list)]);
    const refusal = async (rows: typeof list, canaries: readonly string[] = []): Promise<string> => {
      const options = { settings: { ...usual, keep: 0 }, canaries: createCanaries(canaries, domains) };
      const outcome = await sync(path, [listSource("list", rows)], options);
      return outcome.kind === "refused" ? outcome.reasons.join(" ") : outcome.kind;
    };
    expect(await refusal([...addresses(900), ...groups])).toContain('Domain "plant.example" lost 30 of 30');
    expect(await refusal([...addresses(900), ...plant])).toContain('Kind "group" lost 30 of 30');
    expect(await refusal(list.slice(1), ["a0@kontor.example"])).toContain('"a0@kontor.example"');
    expect(await refusal([...list, ...addresses(9000, "wrong")])).toContain("grew from 960 to 9960");
    expect(await refusal(list.slice(1))).toBe("published");
  });
});
