/**
 * Random directories that change and fail at random, read over the wire. After every sync a relay that
 * watches the file serves, for each source, its directory of now or the previous one, complete: never a part of one, never
 * none. And whoever was in the last complete directory is known as long as no complete directory said otherwise.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { coreSections } from "../../src/config/schema.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { silentLog } from "../../src/report/log.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { runSync } from "../../sync/run/full.ts";
import type { SyncOutcome } from "../../sync/run/full.ts";
import { type Say, type Script, sayRootDse, startScript } from "../fakes/ldap-script.ts";
import { kontor, source } from "./reading.ts";

/** What goes wrong in one reading of one source. `at` is the share of the entries that come before it. */
type Fault =
  /** Can be seen in the protocol. */
  | { readonly kind: "code"; readonly code: number; readonly at: number }
  | { readonly kind: "cut" | "reset" | "garbage" | "half-entry" | "reference" | "no-control"; readonly at: number }
  | { readonly kind: "bind"; readonly code: number }
  /** Success with a fifth of the entries at most: only the guard can tell. */
  | { readonly kind: "short" | "sparse"; readonly keep: number };

/** Between two syncs: who comes, who goes, what fails. */
interface Step {
  readonly add: number;
  readonly remove: number;
  readonly faults: readonly [Fault | undefined, Fault | undefined];
}

/** A thousand in `npm run fuzz`. */
const runs = process.env["FUZZ_RUNS"] === undefined ? (process.env["CI"] === "true" ? 250 : 120) : 1000;

const share = fc.double({ min: 0, max: 0.99, noNaN: true });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({
    kind: fc.constant("code" as const),
    code: fc.constantFrom(1, 3, 4, 10, 11, 32, 50, 51, 52, 53, 80),
    at: share,
  }),
  fc.record({
    kind: fc.constantFrom("cut", "reset", "garbage", "half-entry", "reference", "no-control"),
    at: share,
  }),
  fc.record({ kind: fc.constant("bind" as const), code: fc.constantFrom(8, 49, 51, 53) }),
  fc.record({
    kind: fc.constantFrom("short", "sparse"),
    keep: fc.double({ min: 0, max: 0.2, noNaN: true }),
  }),
);
const often = fc.oneof({ weight: 2, arbitrary: fault }, { weight: 1, arbitrary: fc.constant(undefined) });
const step: fc.Arbitrary<Step> = fc.record({
  add: fc.nat(4),
  remove: fc.nat(2),
  faults: fc.tuple(often, often),
});
const plan = fc.record({
  sizes: fc.tuple(fc.integer({ min: 8, max: 60 }), fc.integer({ min: 8, max: 30 })),
  pageSize: fc.integer({ min: 1, max: 25 }),
  steps: fc.array(step, { minLength: 1, maxLength: 2 }),
});

/** A directory that the scripted server shows. */
interface Directory {
  readonly name: string;
  people: string[];
  fault: Fault | undefined;
  next: number;
}

function createDirectory(name: string, size: number): Directory {
  const people = Array.from({ length: size }, (_, i) => `${name}${i}@kontor.example`);
  return { name, people, fault: undefined, next: size };
}

function isSilent(fault: Fault | undefined): boolean {
  return fault?.kind === "short" || fault?.kind === "sparse";
}

/** One page of the directory, as its error allows. */
function sayPage(directory: Directory, say: Say, page: { readonly size: number; readonly number: number }): void {
  const { fault, people } = directory;
  const kept = isSilent(fault) && fault !== undefined && "keep" in fault ? Math.floor(people.length * fault.keep) : 0;
  const shown =
    fault?.kind === "short"
      ? people.slice(0, kept)
      : fault?.kind === "sparse"
        ? people.filter((_, i) => Math.floor(((i + 1) * kept) / people.length) > Math.floor((i * kept) / people.length))
        : people;
  const from = (page.number - 1) * page.size;
  const part = shown.slice(from, from + page.size);
  const break_ = fault !== undefined && "at" in fault ? Math.floor(people.length * fault.at) : Number.POSITIVE_INFINITY;
  for (const [i, mail] of part.entries()) {
    if (fault !== undefined && "at" in fault && from + i >= break_) {
      return sayFault(fault, say, mail);
    }
    say.entry(`uid=${mail},o=${directory.name}`, { objectClass: ["inetOrgPerson"], mail: [mail] });
  }
  say.done(0, from + page.size < shown.length ? `c${page.number}` : "");
}

function sayFault(fault: Fault, say: Say, mail: string): void {
  switch (fault.kind) {
    case "code":
      return say.done(fault.code, "");
    case "cut":
      return say.cut();
    case "reset":
      return say.reset();
    case "garbage":
      return say.raw(Buffer.from("\x15\x03\x01\x00\x02HTTP/1.1 502", "latin1"));
    case "half-entry":
      say.raw(Buffer.from([0x30, 0x60, 0x02, 0x01, 0x03, 0x64]));
      return say.cut();
    case "reference":
      return say.reference(`ldap://elsewhere.example/uid=${mail}`);
    case "no-control":
      return say.done(0);
    case "bind":
    case "short":
    case "sparse":
      return undefined;
  }
}

describe("random directories", () => {
  let script: Script;
  let folder: string;
  let directories: readonly [Directory, Directory];

  beforeAll(async () => {
    // In memory if there is such a place: 3000 syncs each wait for the disk three times.
    folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "gmto-random-"));
    script = await startScript((question, say) => {
      if (question.kind === "bind") {
        const { fault } = directories.find(({ name }) => question.dn === `cn=${name}`) ?? {};
        return say.bound(fault?.kind === "bind" ? fault.code : 0);
      }
      if (question.kind === "extended") {
        return say.extended(2);
      }
      const directory = directories.find(({ name }) => question.base === `o=${name}`);
      return directory === undefined || question.page === undefined
        ? sayRootDse(say, true)
        : sayPage(directory, say, question.page);
    });
  });
  afterAll(async () => {
    await script.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function sync(path: string, pageSize: number): Promise<SyncOutcome> {
    const sources = directories.map(({ name }) =>
      source(
        {
          name,
          url: [script.url],
          base: `o=${name}`,
          bind_dn: `cn=${name}`,
          password_file: "/proc/self/comm",
          page_size: pageSize,
          attributes: ["mail"],
          timeout: 10_000,
        },
        kontor,
      ),
    );
    return runSync({
      sources,
      settings: coreSections.sync.parse({ keep: 1 }),
      path,
      log: silentLog,
      signal: AbortSignal.timeout(30_000),
      now: Date.now,
      version: "test",
    });
  }

  it("are served whole or as they were, whatever fails", { timeout: 600_000 }, async () => {
    let run = 0;
    const seen = { published: 0, frozen: 0, refused: 0, failed: 0 };
    const property = fc.asyncProperty(plan, async ({ sizes, pageSize, steps }) => {
      const path = join(folder, `${(run += 1)}.sqlite`);
      directories = [createDirectory("north", sizes[0]), createDirectory("south", sizes[1])];
      expect(await sync(path, pageSize)).toMatchObject({ kind: "published" });
      const served = directories.map(({ people }) => people);
      const reader = openSnapshot(path, silentLog);
      const { find } = createRecipients(reader, kontor, { match: "address", always: [], recipient_delimiter: "+" });
      try {
        for (const { add, remove, faults } of steps) {
          const before = readFileSync(path);
          directories.forEach((directory, i) => {
            directory.fault = faults[i];
            const fresh = Array.from(
              { length: add },
              (_, n) => `${directory.name}${directory.next + n}@kontor.example`,
            );
            directory.next += add;
            directory.people = [...directory.people.slice(remove), ...fresh];
          });
          const outcome = await sync(path, pageSize);
          const isPublished = outcome.kind === "published";
          const expected = directories.some(({ fault }) => isSilent(fault))
            ? ["refused", "failed"]
            : faults.every((one) => one !== undefined)
              ? ["failed"]
              : ["published"];
          expect(expected).toContain(outcome.kind);
          seen[outcome.kind as keyof typeof seen] += 1;
          if (isPublished) {
            seen.frozen += outcome.facts.frozen.length;
            directories.forEach(
              ({ people, fault }, i) => (served[i] = fault === undefined ? people : (served[i] ?? [])),
            );
          } else {
            expect(readFileSync(path).equals(before)).toBe(true);
          }
          await reader.check();
          const all = served.flat();
          expect(reader.image?.rows).toBe(all.length);
          const refused = all.filter((address) => {
            const mailbox = parseMailbox(address);
            return mailbox === undefined || find(mailbox).kind !== "known";
          });
          expect(refused).toEqual([]);
        }
      } finally {
        reader.close();
        rmSync(path, { force: true });
      }
    });
    await fc.assert(property, { numRuns: runs, endOnFailure: true });
    // Every way out was taken often.
    expect(
      Object.values(seen).every((count) => count > runs / 20),
      JSON.stringify(seen),
    ).toBe(true);
  });
});
