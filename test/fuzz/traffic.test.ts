/**
 * Random directories with the mail that their people got, read over the wire. Bad lists lose a department, an alias domain
 * or one person who gets mail, by a filter; good ones lose whoever left, last week's mail or not. Of either, one in a hundred
 * may be judged wrongly. `npm run fuzz` does a thousand of each.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { coreSections } from "../../src/config/schema.ts";
import { createDomains } from "../../src/mail/domains.ts";
import type { Domains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { runSync } from "../../sync/run/full.ts";
import { type Script, sayRootDse, startScript } from "../fakes/ldap-script.ts";
import { source } from "../sync/reading.ts";
import { guardBy, writeTraffic } from "../traffic/scene.ts";
import { createRandom, seed } from "./random.ts";

const runs = process.env["FUZZ_RUNS"] === undefined ? 25 : 1000;
const start = Date.parse("2026-11-01T00:00:00Z");
const minute = 60_000;

/** One person of the directory. */
interface Person {
  dn: string;
  mail: string;
  department: number;
  /** When the entry was changed last, ms since 1970. */
  changed: number;
  /** Whether the search finds the entry. */
  found: boolean;
  /** Whether it is there at all, for whoever names it. */
  there: boolean;
}

const random = createRandom(seed);
const upTo = (most: number): number => Math.floor(random() * (most + 1));
const pick = <T>(list: readonly T[]): T => list[upTo(list.length - 1)] as T;

const both = createDomains(["kontor.example"], { "kontor.test": "kontor.example" });
const withoutAlias = createDomains(["kontor.example"]);
const base = "o=kontor";
let people: Person[] = [];

function newPerson(id: string, department: number, changed: number): Person {
  const domain = random() < 0.1 ? "kontor.test" : "kontor.example";
  const dn = `uid=${id},ou=d${department},${base}`;
  return { dn, mail: `${id}@${domain}`, department, changed, found: true, there: true };
}

const canonical = ({ mail }: Person): string => mail.replace("@kontor.test", "@kontor.example");

/** Seven in ten got mail this week, some of them a hundred times as much as others. */
function mailOf(): Record<string, number> {
  const active = people.filter(() => random() < 0.7);
  return Object.fromEntries(active.map((one) => [canonical(one), Math.ceil(Math.exp(random() * 5))]));
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
}

/** People leave in the way that the house has: deleted, disabled where they are, or moved out of the base. */
function leave(one: Person, at: number): void {
  one.found = false;
  one.changed = at;
  one.there = random() < 0.4;
}

/** What happens between two syncs that are fifteen minutes apart: nine times in ten hardly anything. */
function live(at: number): void {
  const leavers = random() < 0.9 ? upTo(2) : 3 + upTo(2);
  for (let i = 0; i < leavers; i += 1) {
    leave(pick(people), at);
  }
  for (let i = upTo(4); i > 0; i -= 1) {
    people.push(newPerson(`new${i}`, upTo(7), at));
  }
  for (let i = upTo(3); i > 0; i -= 1) {
    const one = pick(people.filter(({ found }) => found));
    one.department = upTo(7);
    one.dn = one.dn.replace(/ou=d\d+/, `ou=d${one.department}`);
    one.changed = at;
  }
}

/** How a filter loses somebody. Returns the domains and the settings by which the next list is made. */
function lose(mail: Readonly<Record<string, number>>): { domains: Domains; settings: string } {
  const isSettings = random() < 0.5;
  const settings = isSettings ? "changed" : "as ever";
  const active = people.filter((one) => one.found && canonical(one) in mail);
  const kind = upTo(2);
  if (kind === 0) {
    const { department } = pick(active);
    people.filter((one) => one.department === department).forEach((one) => (one.found = false));
  } else if (kind === 1 && active.some((one) => one.mail.endsWith(".test"))) {
    return { domains: withoutAlias, settings: "changed" };
  } else {
    pick(active).found = false;
  }
  return { domains: both, settings };
}

describe("random lists beside the mail of their people", () => {
  let script: Script;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "gmto-traffic-"));
    script = await startScript((question, say) => {
      if (question.kind === "bind") {
        return say.bound(0);
      }
      if (question.kind === "extended") {
        return say.extended(2);
      }
      if (question.page === undefined) {
        const one = people.find(({ dn }) => dn === question.base);
        if (question.base === "") {
          return sayRootDse(say, true);
        }
        if (one?.there === true) {
          say.entry(one.dn, { objectClass: ["inetOrgPerson"], modifyTimestamp: [timeOf(one.changed)] });
        }
        return say.done(one?.there === true || question.base === base ? 0 : 32);
      }
      people
        .filter(({ found }) => found)
        .forEach(({ dn, mail }) => say.entry(dn, { objectClass: ["inetOrgPerson"], mail: [mail] }));
      return say.done(0, "");
    });
  });
  afterAll(async () => {
    await script.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function sync(path: string, domains: Domains, settings: string, at: number): Promise<string> {
    const outcome = await runSync({
      sources: [source({ name: "ldap", url: [script.url], base, attributes: ["mail"], page_size: 1000 }, domains)],
      settings: coreSections.sync.parse({ keep: 0 }),
      ...{ path, log: silentLog, signal: AbortSignal.timeout(30_000), now: () => at, version: "test" },
      traffic: guardBy([`${path}.mail`], both, { settings }),
    });
    return outcome.kind;
  }

  /** One directory, and its next list. @returns how the sync of that one ended */
  async function next(run: number, isBad: boolean): Promise<string> {
    const path = join(folder, `${isBad ? "bad" : "good"}${run}.sqlite`);
    people = Array.from({ length: 60 + upTo(300) }, (_, i) =>
      newPerson(`u${i}`, upTo(7), start - upTo(500_000) * minute),
    );
    const mail = mailOf();
    writeTraffic(`${path}.mail`, mail, { written: start });
    expect(await sync(path, both, "as ever", start)).toBe("published");
    // Every second bad list comes when people leave, too.
    if (!isBad || random() < 0.5) {
      live(start + 5 * minute);
    }
    const { domains, settings } = isBad
      ? lose(mail)
      : { domains: both, settings: random() < 0.02 && people.every(({ found }) => found) ? "changed" : "as ever" };
    const kind = await sync(path, domains, settings, start + 15 * minute);
    [path, `${path}.mail`, `${path}.traffic`].forEach((file) => rmSync(file, { force: true }));
    return kind;
  }

  it.each([
    ["bad lists are published", true, "published"],
    ["good lists are held", false, "refused"],
  ] as const)("at most one in a hundred %s", { timeout: 1_800_000 }, async (what, isBad, wrong) => {
    const ends: Record<string, number> = {};
    for (let run = 0; run < runs; run += 1) {
      const end = await next(run, isBad);
      ends[end] = (ends[end] ?? 0) + 1;
    }
    const text = `${what}: ${ends[wrong] ?? 0} of ${runs}, seed ${seed}, ${JSON.stringify(ends)}`;
    if (runs > 100) {
      process.stdout.write(`${text}\n`);
    }
    expect(ends[wrong] ?? 0, text).toBeLessThanOrEqual(runs / 100);
    expect((ends["published"] ?? 0) + (ends["refused"] ?? 0), text).toBe(runs);
  });
});
