/** A mirror of lists beside web servers that lie, hang, cut, or have too much: the previous list stays. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { Cdb, emptyCdb } from "../../src/files/cdb.ts";
import { silentLog } from "../../src/report/log.ts";
import type { Log } from "../../src/report/log.ts";
import { ListMirror } from "../../src/transfer/list-mirror.ts";
import { makeCdb } from "../fakes/cdb.ts";
import { startOrigin } from "../fakes/origin.ts";
import type { Origin } from "../fakes/origin.ts";

describe("a mirror of lists", () => {
  let origin: Origin;
  let folder = "";
  let told: string[] = [];
  const open: ListMirror[] = [];
  beforeEach(async () => {
    origin = await startOrigin();
    folder = mkdtempSync(join(tmpdir(), "gmto-mirror-"));
    told = [];
  });
  afterEach(async () => {
    open.splice(0).forEach((mirror) => mirror.close());
    await origin.stop();
    rmSync(folder, { recursive: true });
  });

  const log: Log = {
    ...silentLog,
    info: (_part, event, facts) => void told.push(`${event} ${JSON.stringify(facts)}`),
    warning: (_part, event, facts) => void told.push(`${event} ${JSON.stringify(facts)}`),
  };
  const mirrorOf = (names: readonly string[], urls = [`${origin.url}/`]): ListMirror => {
    const mirror = new ListMirror({
      urls,
      folder: join(folder, "lists"),
      authorities: undefined,
      interval: 50,
      timeout: 300,
      log,
    });
    open.push(mirror);
    names.forEach((name) => mirror.want(name));
    mirror.start();
    return mirror;
  };
  const kept = (name: string): string =>
    existsSync(join(folder, "lists", name)) ? readFileSync(join(folder, "lists", name), "utf8") : "";
  const has = async (name: string, text: string): Promise<void> => {
    await expect.poll(() => kept(name), { timeout: 5000 }).toBe(text);
  };
  const heard = async (words: RegExp): Promise<void> => {
    await expect.poll(() => told.join("\n"), { timeout: 5000 }).toMatch(words);
  };

  it("keeps what it has while the server hangs, cuts, sends too much or has nothing, and says so once each", async () => {
    origin.files.set("/badhelo", Buffer.from("one.example\n"));
    mirrorOf(["badhelo"]);
    await has("badhelo", "one.example\n");
    origin.silent = true;
    await heard(/cannot be fetched.*no answer in time/);
    origin.silent = false;
    await heard(/server answers again/);
    origin.cutAfter = 4;
    origin.files.set("/badhelo", Buffer.from("two.example\nthree.example\n"));
    await heard(/aborted/);
    await has("badhelo", "two.example\nthree.example\n");
    origin.files.set("/badhelo", Buffer.alloc(5 * 1024 * 1024, "x\n"));
    await heard(/more than 4194304 bytes/);
    origin.files.delete("/badhelo");
    const asked = origin.asked.length;
    await expect.poll(() => origin.asked.length).toBeGreaterThan(asked + 2);
    expect(kept("badhelo")).toBe("two.example\nthree.example\n");
    expect(told.filter((line) => line.includes("no answer in time"))).toHaveLength(1);
    expect(origin.asked.some(({ status }) => status === 304)).toBe(true);
  });

  it("fetches maps whole or not at all, and empties one only for one that is empty", async () => {
    const [map, none] = [makeCdb({ "192.0.2.7": "" }), emptyCdb()];
    const isKept = async (bytes: Buffer): Promise<void> => {
      const path = join(folder, "lists/more.cdb");
      await expect.poll(() => existsSync(path) && readFileSync(path).equals(bytes), { timeout: 5000 }).toBe(true);
    };
    origin.files.set("/more.cdb", map);
    mirrorOf(["more.cdb"]);
    await isKept(map);
    origin.files.set("/more.cdb", map.subarray(0, map.length - 4));
    await heard(/cannot be fetched.*a table is beyond its end/);
    origin.files.set("/more.cdb", Buffer.from("<html>not found</html>"));
    await heard(/cannot be fetched.*shorter than its header/);
    await isKept(map);
    origin.files.set("/more.cdb", none);
    await isKept(none);
    expect(new Cdb(none).get("192.0.2.7")).toBe(undefined);
  });

  it("asks for nothing but names, and for no more of them than it should", async () => {
    mirrorOf([
      "/etc/passwd",
      "../x",
      ".hidden",
      "a/b",
      "",
      "a b",
      ...Array.from({ length: 300 }, (_, i) => `list${i}`),
    ]);
    await expect.poll(() => origin.asked.length, { timeout: 20_000 }).toBeGreaterThan(200);
    expect(new Set(origin.asked.map(({ path }) => path)).size).toBeLessThanOrEqual(200);
    expect(origin.asked.every(({ path }) => /^\/list\d+$/.test(path))).toBe(true);
  });

  it("ends at once when it is closed, in the middle of a request too", async () => {
    origin.silent = true;
    const mirror = mirrorOf(["badhelo"]);
    mirror.close();
    origin.silent = false;
    origin.files.set("/badhelo", Buffer.from("one.example\n"));
    const other = mirrorOf(["other"]);
    await expect.poll(() => origin.asked.length).toBeGreaterThan(3);
    other.close();
    expect([kept("badhelo"), told]).toEqual(["", []]);
  });

  it("reports a folder that it cannot write to", async () => {
    origin.files.set("/badhelo", Buffer.from("one.example\n"));
    const mirror = new ListMirror({
      urls: [`${origin.url}/`],
      folder: "/dev/null/lists",
      authorities: undefined,
      interval: 50,
      timeout: 300,
      log,
    });
    open.push(mirror);
    mirror.want("badhelo");
    mirror.start();
    await heard(/cannot be fetched.*\/dev\/null\/lists.*ENOTDIR/);
  });
});
