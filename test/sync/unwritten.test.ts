/** A sync that finds what the list says writes no list, as long as nobody could miss it. */
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import { formatStatus } from "../../src/commands/status.ts";
import { reportStatus } from "../../src/compose/list-report.ts";
import { rewriteAfterOf } from "../../src/compose/rewrite-after.ts";
import { readSnapshotNow } from "../../src/snapshot/file.ts";
import { openImage } from "../../src/snapshot/image.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { openPrevious } from "../../sync/list/previous.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import type { JobOptions } from "../../sync/run/job.ts";
import { settingsOf } from "../fakes/relay.ts";
import { addresses, listSource, sync, temporaryFolder } from "../snapshot/fixture.ts";

const hour = 3_600_000;
const start = 1_700_000_000_000;

/** All that tells one file from another. */
function identity(path: string): string {
  const { ino, mtimeNs, ctimeNs, size } = statSync(path, { bigint: true });
  return `${ino} ${mtimeNs} ${ctimeNs} ${size}`;
}

function createdOf(path: string): number {
  const reading = readSnapshotNow(path);
  if (reading.kind !== "good") {
    throw new Error(reading.flaw.detail);
  }
  const image = openImage(reading.bytes, plainTrust);
  const { created } = image;
  image.close();
  return created;
}

describe("a sync that finds what the list says", () => {
  const list = [listSource("list", addresses(20)), listSource("more", ["x@kontor.example"])];
  const run = (path: string, hours: number, more: Partial<JobOptions> = {}, sources = list) =>
    sync(path, sources, { rewriteAfter: 6 * hour, now: () => start + hours * hour, ...more });
  const first = async (more: Partial<JobOptions> = {}): Promise<string> => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    expect(await run(path, 0, more)).toMatchObject({ kind: "published", facts: { added: 21, stays: false } });
    return path;
  };
  const stays = async (
    path: string,
    hours: number,
    more: Partial<JobOptions> = {},
    sources = list,
  ): Promise<boolean> => {
    const before = identity(path);
    const outcome = await run(path, hours, more, sources);
    const isSame = identity(path) === before;
    expect(outcome).toMatchObject({ kind: "published", facts: { stays: isSame } });
    return isSame;
  };

  it("leaves the file and its folder as they are", async () => {
    const path = await first();
    const bytes = readFileSync(path);
    const names = readdirSync(dirname(path));
    expect(await run(path, 1)).toMatchObject({
      kind: "published",
      facts: { stays: true, entries: 21, addresses: 21, byKind: { account: 21 }, added: 0, removed: 0, frozen: [] },
    });
    expect(await stays(path, 5.9)).toBe(true);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    // For the next sync of this machine, and for nobody else.
    expect(readdirSync(dirname(path))).toEqual([...names, "snapshot.sqlite.looked"]);
  });

  it("remembers when a source was last read, for one that fails next", async () => {
    const path = await first();
    await run(path, 1);
    await run(path, 2);
    const readAt = (name: string): number => {
      const { previous } = openPrevious(path, 0);
      previous?.close();
      return previous?.sources.get(name)?.readAt ?? 0;
    };
    expect(readAt("more")).toBe(start + 2 * hour);
    expect(createdOf(path)).toBe(start);
    const failing = [listSource("list", addresses(20)), listSource("more", ["x@kontor.example"], { fault: "away" })];
    await run(path, 3, {}, failing);
    expect(createdOf(path)).toBe(start + 3 * hour);
    expect([readAt("list"), readAt("more")]).toEqual([start + 3 * hour, start + 2 * hour]);
    // What is beside a list speaks of that one alone, and only if it can be read.
    await run(path, 4);
    await run(path, 5);
    expect(readAt("more")).toBe(start + 5 * hour);
    for (const text of ["", "{}", "null", '{"created":1,"sources":{}}', '{"created":1,"sources":{"more":null}}']) {
      writeFileSync(`${path}.looked`, text);
      expect(readAt("more")).toBe(start + 4 * hour);
    }
  });

  it("writes it when it has the age, or is of the future", async () => {
    const path = await first();
    expect(await stays(path, 6)).toBe(false);
    expect(createdOf(path)).toBe(start + 6 * hour);
    expect(await stays(path, 7)).toBe(true);
    expect(await stays(path, 5)).toBe(false);
    expect(createdOf(path)).toBe(start + 5 * hour);
    expect(await stays(path, 6, { rewriteAfter: 0 })).toBe(false);
  });

  it("writes it when it would say anything else", async () => {
    const path = await first();
    expect(await stays(path, 1, { version: "1" })).toBe(false);
    expect(await stays(path, 2)).toBe(false);
    const [one, two] = list;
    const failing = [one, listSource("more", ["x@kontor.example", "y@kontor.example"], { fault: "away" })].flatMap(
      (source) => source ?? [],
    );
    expect(await stays(path, 3, {}, failing)).toBe(false);
    expect(await stays(path, 4, {}, failing)).toBe(false);
    expect(await stays(path, 5)).toBe(false);
    expect(await stays(path, 5.5)).toBe(true);
    const elsewhere = [listSource("list", addresses(20), { domains: ["kontor.example"] }), two].flatMap((s) => s ?? []);
    expect(await stays(path, 6, {}, elsewhere)).toBe(false);
    expect(
      await stays(
        path,
        7,
        {},
        [listSource("list", addresses(21)), two].flatMap((s) => s ?? []),
      ),
    ).toBe(false);
    expect(
      await stays(
        path,
        8,
        {},
        [listSource("list", addresses(20)), two].flatMap((s) => s ?? []),
      ),
    ).toBe(false);
  });

  it("writes it for another key of signatures, and for none", async () => {
    const [key, other] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
    const by = (
      signer: JobOptions["protection"] extends infer P ? (P extends { signer: infer S } ? S : never) : never,
    ) => ({
      protection: { ...unprotected, signer },
    });
    const path = await first(by(key.privateKey));
    expect(await stays(path, 1, by(key.privateKey))).toBe(true);
    expect(await stays(path, 2, by(other.privateKey))).toBe(false);
    const publicKeys = [other.publicKey.export({ type: "spki", format: "pem" }).toString()];
    expect(readSnapshotNow(path, { ...plainTrust, publicKeys }).kind).toBe("good");
    expect(await stays(path, 3, by(undefined))).toBe(false);
    expect(await stays(path, 4, by(key.privateKey))).toBe(false);
    expect(await stays(path, 5, by(key.privateKey))).toBe(true);
  });

  it("writes it for another secret", async () => {
    const by = (secret: string) => ({
      protection: { ...unprotected, form: createKeyedForm(secret.repeat(64), "address") },
    });
    const path = await first(by("a"));
    expect(await stays(path, 1, by("a"))).toBe(true);
    expect(await stays(path, 2, by("b"))).toBe(false);
  });

  it("says so in status, until there is another list", async () => {
    const path = await first();
    const at = (hours: number) => {
      const settings = { path, max_age: 24 * hour, newest_file: "", canary: 0 };
      return reportStatus(settings, start + hours * hour);
    };
    expect(at(1)).toMatchObject({ status: "fresh", looked: null });
    await run(path, 1);
    const looked = new Date(start + hour).toISOString();
    expect(at(2)).toMatchObject({ created: new Date(start).toISOString(), looked, age: 7200 });
    expect(formatStatus(at(2))).toContain(`, 2h ago, found the same ${looked}\n`);
    await run(path, 3, {}, [listSource("list", addresses(21)), listSource("more", ["x@kontor.example"])]);
    expect(at(4)).toMatchObject({ created: new Date(start + 3 * hour).toISOString(), looked: null });
  });

  it("only looks in a dry run", async () => {
    const path = await first();
    const before = identity(path);
    expect(await run(path, 1, { dryRun: true })).toMatchObject({ kind: "dry-run" });
    expect(identity(path)).toBe(before);
  });

  it("goes by the smallest time that anybody goes by", () => {
    const of = (text: string): number => rewriteAfterOf(settingsOf(text, temporaryFolder())) / hour;
    expect(of("")).toBe(6);
    expect(of('[sync]\nrewrite_after = "1h"')).toBe(1);
    expect(of('[recipients]\nstale_after = "8h"')).toBe(2);
    expect(of('[[domain]]\nname = "kontor.example"\nstale_after = "2h"')).toBe(0.5);
  });
});
