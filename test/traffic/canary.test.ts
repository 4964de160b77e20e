/** What the sync makes of the word of canaries: it takes back what going back helps, and nothing else. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeEach, describe, expect, it } from "vitest";

import { createDomains } from "../../src/mail/domains.ts";
import { printTraffic } from "../../src/traffic/text.ts";
import { dayOf, hashed } from "../../src/traffic/record.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import type { Protection } from "../../sync/publish/protect.ts";
import { readHistory } from "../../sync/remember/history.ts";
import { writeTrafficState } from "../../sync/remember/traffic-state.ts";
import { askCanaries } from "../../sync/run/canary.ts";
import { addresses, listSource, memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { guardBy, now, secret } from "./scene.ts";

const domains = createDomains(["kontor.example"]);
const minute = 60_000;
const form = createKeyedForm(secret, "address");

describe("a sync that asks canaries", () => {
  let path: string;
  let traffic: string;
  const log = memoryLog();
  const people = addresses(40);
  /** When the second list was published. */
  const second = now + 20 * minute;

  beforeEach(() => {
    const folder = temporaryFolder();
    path = join(folder, "snapshot.sqlite");
    traffic = join(folder, "traffic.txt");
    log.lines.length = 0;
  });

  /** Two lists: all, and all but some; the guard of publication is not asked. */
  async function lists(lost: readonly string[], protection: Protection = unprotected): Promise<void> {
    await publish(path, [listSource("list", people)], { now: () => now, protection });
    const rest = people.filter((one) => !lost.includes(one));
    await publish(path, [listSource("list", rest)], { now: () => second, acceptShrink: true, protection });
  }

  /** What a canary hands over. @param refused who was, by the list of that time */
  function say(refused: readonly string[], list = second, serves = second): void {
    const day = dayOf(second);
    const records = people.map((address) => {
      const named = { user: address.split("@")[0], domain: "kontor.example" };
      const counts = refused.includes(address) ? { refused: { list, count: 3 } } : {};
      return { ...hashed(named, form), domain: named.domain, last: day, days: [[day, 5] as const], ...counts };
    });
    writeFileSync(traffic, printTraffic({ mark: form.mark, written: second, list: serves, records }));
  }

  const ask = (protection: Protection = unprotected, keep = 3) =>
    askCanaries(
      {
        ...{ sources: [], settings: { max_shrink: 0.1, keep }, path, log, version: "0", protection },
        ...{ signal: new AbortController().signal, now: () => second + 5 * minute },
        traffic: guardBy([traffic], domains),
      },
      new AbortController().signal,
    );

  it.each(["plain", "hashed"])(
    "takes back a %s list, to the newest kept one that has the refused, once",
    async (kind) => {
      const protection = kind === "plain" ? unprotected : { ...unprotected, form };
      const lost = people.slice(0, 1);
      await lists(lost, protection);
      say(lost);
      const { full } = hashed({ user: "a0", domain: "kontor.example" }, form);
      const name = kind === "plain" ? "a0@kontor.example" : full;
      expect(await ask(protection)).toEqual({
        kind: "taken-back",
        why: `1 recipient who got 5 messages this week refused 3 times: ${name}`,
      });
      const { lists: kept } = readHistory(path);
      expect(kept[0]).toMatchObject({ addresses: 40, held: expect.stringContaining(`(canary: 1 recipient`) });
      expect(kept[1]).toMatchObject({ addresses: 39, since: second });
      expect((await ask(protection)).kind).toBe("nothing");
    },
  );

  it("hears nothing against a list that a canary uses without refusing anybody", async () => {
    await lists(people.slice(0, 1));
    say([]);
    expect(await ask()).toEqual({ kind: "good", since: second, tried: 1, asked: 1 });
    // Its own list is another one.
    say([], second, now);
    expect(await ask()).toMatchObject({ kind: "good", tried: 0 });
  });

  it.each([
    ["by the list before", () => say(people.slice(0, 1), now)],
    [
      "whom the guard has told of",
      () => {
        const { full } = hashed({ user: "a0", domain: "kontor.example" }, form);
        writeTrafficState(
          path,
          { settings: "", left: [{ full, name: "a0", at: second, week: 5, told: false }], settled: 0 },
          second,
        );
        say(people.slice(0, 1));
      },
    ],
    [
      "of a list that a person accepted",
      () => {
        writeTrafficState(path, { settings: "", left: [], settled: second + 1 }, second);
        say(people.slice(0, 1));
      },
    ],
  ])("does not mind refusals %s", async (_, tell) => {
    await lists(people.slice(0, 1));
    tell();
    expect((await ask()).kind).toBe("good");
  });

  it("says so, and leaves the list, where going back would not help", async () => {
    await lists(people.slice(0, 1));
    say(people.slice(5, 6));
    expect(await ask()).toMatchObject({ kind: "helpless", why: expect.stringContaining("though the list has them") });
    say(people.slice(0, 1));
    rmSync(`${path}.1`);
    expect(await ask()).toMatchObject({ kind: "helpless", why: expect.stringContaining("no kept list has them") });
    expect(readHistory(path).lists[0]).toMatchObject({ since: second, held: undefined });
  });

  it.each([
    ["absent", () => rmSync(traffic, { force: true })],
    ["damaged", () => writeFileSync(traffic, "goodmailto-traffic 1 rubbish\n")],
  ])("takes nothing back where what they say is %s", async (_, spoil) => {
    await lists(people.slice(0, 1));
    spoil();
    expect(await ask()).toMatchObject({ kind: "good", tried: 0, asked: 0 });
    rmSync(path);
    expect(await ask()).toEqual({ kind: "nothing", held: undefined });
  });
});
