/** Fetching a snapshot: only news, resumed if it broke, taken only when good, and never at the cost of the old one. */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { parsePlace } from "../../src/config/place.ts";
import { pull } from "../../src/pull/pull.ts";
import type { Pulled, PullOptions } from "../../src/pull/pull.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import { pushList } from "../../sync/targets/again.ts";
import { createTarget } from "../../sync/targets/target.ts";
import type { Target } from "../../sync/targets/target.ts";
import { publish as publishSettings } from "../../src/config/transfer.ts";
import { missing } from "../fakes/need.ts";
import { startNginx } from "../fakes/nginx.ts";
import type { Nginx } from "../fakes/nginx.ts";
import { startOrigin } from "../fakes/origin.ts";
import type { Origin } from "../fakes/origin.ts";
import { addresses, listSource, memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const protection = { ...unprotected, signer: privateKey };
const trust = { ...plainTrust, publicKeys: [publicKey.export({ type: "spki", format: "pem" }).toString()] };
const start = Date.parse("2026-11-01T00:00:00Z");

/** The bytes of a signed snapshot. */
async function listOf(count: number, at = start): Promise<Buffer> {
  const path = join(temporaryFolder(), "made.sqlite");
  await publish(path, [listSource("list", addresses(count))], { protection, now: () => at });
  return readFileSync(path);
}

let origin: Origin;
let path: string;
beforeEach(async () => {
  origin = await startOrigin();
  path = join(temporaryFolder(), "snapshot.sqlite");
});
afterEach(() => origin.stop());

function fetchList(options: Partial<PullOptions> = {}): Promise<Pulled> {
  const place = parsePlace({ url: `${origin.url}/list`, endpoint: "", region: "" });
  if (place === undefined) {
    throw new Error("no place");
  }
  return pull({
    place,
    access: { user: "", password: "", ca: undefined },
    path,
    trust,
    maxSize: 10_000_000,
    timeout: 20_000,
    log: memoryLog(),
    signal: new AbortController().signal,
    ...options,
  });
}

describe("goodmailto pull", () => {
  it("installs the list, asks for news only, and takes the next one", async () => {
    origin.files.set("/list", await listOf(5));
    expect(await fetchList()).toEqual({ kind: "installed", rows: 5, created: start });
    expect(readFileSync(path).equals(origin.files.get("/list") ?? Buffer.alloc(0))).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(await fetchList()).toEqual({ kind: "unchanged" });
    expect(origin.asked.map(({ status }) => status)).toEqual([200, 304]);
    origin.files.set("/list", await listOf(6, start + 1));
    expect(await fetchList()).toMatchObject({ kind: "installed", rows: 6 });
  });

  it("fetches again what the administrator has removed", async () => {
    origin.files.set("/list", await listOf(5));
    await fetchList();
    rmSync(path);
    expect(await fetchList()).toMatchObject({ kind: "installed" });
    writeFileSync(path, "something else");
    expect(await fetchList()).toMatchObject({ kind: "installed" });
  });

  it("leaves the file alone where a server without ETag sends the same once more", async () => {
    origin.files.set("/list", await listOf(5));
    await fetchList();
    const { ino } = statSync(path);
    rmSync(`${path}.pull`);
    expect(await fetchList()).toEqual({ kind: "unchanged" });
    expect(statSync(path).ino).toBe(ino);
    expect(origin.asked.map(({ status }) => status)).toEqual([200, 200]);
  });

  it("goes on where the connection broke", async () => {
    const list = await listOf(400);
    origin.files.set("/list", list);
    origin.cutAfter = 9000;
    expect(await fetchList()).toMatchObject({ kind: "failed" });
    const have = statSync(`${path}.part`).size;
    expect(have).toBeGreaterThan(0);
    expect(existsSync(path)).toBe(false);
    expect(await fetchList()).toMatchObject({ kind: "installed", rows: 400 });
    expect(origin.asked.at(-1)).toMatchObject({ status: 206, headers: { range: `bytes=${have}-` } });
    expect(readFileSync(path).equals(list)).toBe(true);
    expect(existsSync(`${path}.part`)).toBe(false);
  });

  it("starts anew where another list has come meanwhile", async () => {
    origin.files.set("/list", await listOf(400));
    origin.cutAfter = 9000;
    await fetchList();
    origin.files.set("/list", await listOf(500, start + 1));
    expect(await fetchList()).toMatchObject({ kind: "installed", rows: 500 });
    expect(origin.asked.at(-1)).toMatchObject({ status: 200 });
  });

  it("throws a part away that is longer than the list, and starts anew the next time", async () => {
    origin.files.set("/list", await listOf(400));
    origin.cutAfter = 9000;
    await fetchList();
    writeFileSync(`${path}.part`, Buffer.alloc(10_000_000));
    expect(await fetchList()).toMatchObject({ kind: "failed", why: expect.stringContaining("starts over") as string });
    expect(await fetchList()).toMatchObject({ kind: "installed" });
  });

  it.each<[string, (good: Buffer) => Buffer, RegExp]>([
    ["a truncated file", (good) => good.subarray(0, good.length / 2), /torn/],
    ["a file that is not a list", () => Buffer.from("<html>Log in to the guest network</html>"), /not a database/],
    ["an empty file", () => Buffer.alloc(0), /not a database/],
    ["an altered file", (good) => Buffer.from(good).fill(0x61, 3 * 4096, 3 * 4096 + 4), /torn/],
  ])("refuses %s, and keeps the one before", async (_, spoil, why) => {
    origin.files.set("/list", await listOf(400));
    await fetchList();
    const before = readFileSync(path);
    origin.files.set("/list", spoil(await listOf(420, start + 1)));
    expect(await fetchList()).toMatchObject({ kind: "refused", why: expect.stringMatching(why) as string });
    expect(readFileSync(path).equals(before)).toBe(true);
    // The same file is not downloaded again for a while, unless the keys are others.
    const again = { kind: "refused", why: expect.stringMatching(/\(the same file as before\)$/) as string };
    expect(await fetchList()).toMatchObject(again);
    await fetchList({ trust: plainTrust });
    expect(await fetchList({ trust: plainTrust })).toMatchObject(again);
    const state = JSON.parse(readFileSync(`${path}.pull`, "utf8")) as object;
    writeFileSync(`${path}.pull`, JSON.stringify({ ...state, refusedAt: Date.now() - 901_000 }));
    await fetchList({ trust: plainTrust });
    expect(origin.asked.map(({ status }) => status)).toEqual([200, 200, 304, 200, 304, 200]);
    origin.files.set("/list", await listOf(420, start + 2));
    expect(await fetchList()).toMatchObject({ kind: "installed", rows: 420 });
  });

  it("refuses an older list, even after the newer one was removed", async () => {
    const old = await listOf(400, start);
    origin.files.set("/list", await listOf(5, start + 1000));
    await fetchList();
    origin.files.set("/list", old);
    expect(await fetchList()).toMatchObject({ kind: "refused", why: expect.stringContaining("older") as string });
    rmSync(path);
    expect(await fetchList()).toMatchObject({ kind: "refused" });
    expect(existsSync(path)).toBe(false);
  });

  it("takes no more than max_size, announced or not", async () => {
    origin.files.set("/list", await listOf(400));
    const why = expect.stringContaining("max_size") as string;
    expect(await fetchList({ maxSize: 5000 })).toMatchObject({ kind: "failed", why });
    expect(existsSync(`${path}.part`)).toBe(false);
  });

  it("gives up in time on an origin that says nothing, is gone, or refuses", async () => {
    origin.files.set("/list", await listOf(5));
    await fetchList();
    const before = readFileSync(path);
    origin.silent = true;
    expect(await fetchList({ timeout: 300 })).toMatchObject({
      kind: "failed",
      why: expect.stringMatching(/in time/) as string,
    });
    origin.silent = false;
    origin.files.clear();
    expect(await fetchList()).toMatchObject({ kind: "failed", why: expect.stringContaining("404") as string });
    await origin.stop();
    expect(await fetchList()).toMatchObject({ kind: "failed", why: expect.stringContaining("ECONNREFUSED") as string });
    expect(readFileSync(path).equals(before)).toBe(true);
    origin = await startOrigin();
  });

  it("keeps the list whatever a store answers, and does not take 304 for an answer where it has none", async () => {
    origin.files.set("/list", await listOf(5));
    await fetchList();
    for (const status of [500, 503, 403, 302, 204, 206]) {
      origin.fixed = status;
      expect((await fetchList()).kind, String(status)).toBe("failed");
    }
    origin.fixed = 304;
    expect(await fetchList()).toEqual({ kind: "unchanged" });
    rmSync(path);
    expect(await fetchList()).toMatchObject({ kind: "failed", why: expect.stringContaining("304") as string });
    origin.fixed = undefined;
    expect(await fetchList()).toMatchObject({ kind: "installed" });
  });

  it("believes a file of its own with anything in it no more than none", async () => {
    origin.files.set("/list", await listOf(5));
    for (const text of ["", "{", "[]", "null", '{"etag":7,"newest":"x"}', '{"url":"elsewhere","etag":"\\"x\\""}']) {
      writeFileSync(`${path}.pull`, text);
      rmSync(path, { force: true });
      expect(await fetchList()).toMatchObject({ kind: "installed" });
    }
  });
});

/** A target of `[[publish]]`. */
function target(settings: Record<string, unknown>): Target {
  return createTarget(publishSettings.parse({ name: "test", ...settings }), "/nowhere");
}

function send(to: Target, file: string): Promise<readonly string[]> {
  return pushList([to], file, memoryLog(), new AbortController().signal);
}

describe("an S3-compatible store", () => {
  it("takes the list and gives it to a relay, both with signed requests", async () => {
    const s3 = { accessKey: "AKLIST", secretKey: "geheim/+=", region: "eu-north-1" };
    await origin.stop();
    origin = await startOrigin({ s3 });
    const folder = temporaryFolder();
    const made = join(folder, "made.sqlite");
    writeFileSync(made, await listOf(50));
    writeFileSync(join(folder, "secret"), "geheim/+=\n");
    const access = {
      user: s3.accessKey,
      password_file: join(folder, "secret"),
      endpoint: origin.url,
      region: s3.region,
    };
    const to = "s3://lists/dmz/snapshot 1+2.sqlite";
    expect(await send(target({ to, ...access }), made)).toEqual([]);
    expect([...origin.files.keys()]).toEqual(["/lists/dmz/snapshot 1+2.sqlite"]);
    const place = parsePlace({ url: to, ...access });
    const wanted = {
      place: place as NonNullable<typeof place>,
      access: { user: s3.accessKey, password: s3.secretKey, ca: undefined },
    };
    expect(await fetchList(wanted)).toMatchObject({ kind: "installed", rows: 50 });
    expect(await fetchList(wanted)).toEqual({ kind: "unchanged" });
    writeFileSync(join(folder, "secret"), "falsch\n");
    expect(await send(target({ to, ...access }), made)).toEqual(["test"]);
    expect(await fetchList({ ...wanted, access: { ...wanted.access, password: "falsch" } })).toMatchObject({
      kind: "failed",
      why: expect.stringContaining("SignatureDoesNotMatch") as string,
    });
  });
});

describe.skipIf(missing("nginx"))("a real nginx", () => {
  let nginx: Nginx;
  beforeEach(async () => {
    nginx = await startNginx("sync:{PLAIN}geheim");
  });
  afterEach(() => nginx?.stop());

  it("takes the list by PUT and gives it by GET, under TLS of a private CA", async () => {
    const folder = temporaryFolder();
    const made = join(folder, "made.sqlite");
    writeFileSync(join(folder, "secret"), "geheim\n");
    const url = `${nginx.url}/snapshot.sqlite`;
    const access = { user: "sync", password_file: join(folder, "secret"), ca_file: nginx.authority.ca };
    const place = parsePlace({ url, endpoint: "", region: "" });
    const wanted = {
      place: place as NonNullable<typeof place>,
      access: { user: "sync", password: "geheim", ca: readFileSync(nginx.authority.ca, "utf8") },
      trust: plainTrust,
    };
    for (const count of [400, 500]) {
      writeFileSync(made, await listOf(count, start + count));
      expect(await send(target({ to: url, ...access }), made)).toEqual([]);
      expect(readFileSync(join(nginx.files, "snapshot.sqlite")).equals(readFileSync(made))).toBe(true);
      expect(await fetchList(wanted)).toMatchObject({ kind: "installed", rows: count });
      expect(await fetchList(wanted)).toEqual({ kind: "unchanged" });
    }
    // A download that broke: nginx's own ETag and ranges.
    const state = JSON.parse(readFileSync(`${path}.pull`, "utf8")) as { etag: string };
    rmSync(path);
    writeFileSync(`${path}.part`, readFileSync(made).subarray(0, 10_000));
    writeFileSync(`${path}.pull`, JSON.stringify({ ...state, partEtag: state.etag }));
    expect(await fetchList(wanted)).toMatchObject({ kind: "installed", rows: 500 });
    expect(readFileSync(path).equals(readFileSync(made))).toBe(true);
  });

  it("is not believed under another CA, and does not let in whoever lacks the password", async () => {
    const folder = temporaryFolder();
    const made = join(folder, "made.sqlite");
    writeFileSync(made, await listOf(5));
    writeFileSync(join(folder, "secret"), "falsch\n");
    const to = `${nginx.url}/snapshot.sqlite`;
    const log = memoryLog();
    const why = (): unknown => log.lines.at(-1)?.fields["why"];
    const { signal } = new AbortController();
    const failing = target({ to, user: "sync", password_file: join(folder, "secret"), ca_file: nginx.authority.ca });
    expect(await pushList([failing], made, log, signal)).toEqual(["test"]);
    expect(why()).toMatch(/answered 401/);
    expect(await pushList([target({ to })], made, log, signal)).toEqual(["test"]);
    expect(why()).toMatch(/certificate/);
    const place = parsePlace({ url: to, endpoint: "", region: "" }) as NonNullable<ReturnType<typeof parsePlace>>;
    expect(await fetchList({ place })).toMatchObject({
      kind: "failed",
      why: expect.stringMatching(/certificate/) as string,
    });
  });
});
