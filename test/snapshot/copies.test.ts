/** The copy of a large snapshot that all processes of a relay map: made once, verified, and nobody else's business. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { Copies } from "../../src/snapshot/copies.ts";
import { copyName } from "../../src/snapshot/copy.ts";
import { statSnapshot } from "../../src/snapshot/file.ts";
import { inspectBytes } from "../../src/snapshot/inspect.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import type { ReaderOptions, SnapshotReader } from "../../src/snapshot/reader.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { addresses, found, listSource, memoryLog, publish, temporaryFolder } from "./fixture.ts";

async function snapshot(prefix = "a", count = 500): Promise<string> {
  const path = join(temporaryFolder(), "snapshot.sqlite");
  await publish(path, [
    listSource("list", addresses(count, prefix)),
    listSource("more", [found("x@kontor.example", "alias")]),
  ]);
  return path;
}

function open(path: string, copies: Copies, options: ReaderOptions = {}) {
  const log = memoryLog();
  const reader = openSnapshot(path, log, { copies, threadAbove: 1, ...options });
  onTestFinished(() => reader.close());
  return { reader, lines: log.lines };
}

const knows = (reader: SnapshotReader, user: string): boolean =>
  reader.image?.findAddress(`${user}@kontor.example`) !== undefined;

/** Whether this process has a file of the folder mapped. */
const isMapped = (folder: string): boolean => readFileSync("/proc/self/maps", "latin1").includes(`${folder}/`);

/** The files of a folder that this process has open. */
function openIn(folder: string): string[] {
  const paths = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return paths.filter((path) => path.startsWith(`${folder}/`));
}

/** How nice this process's threads are, as far as they differ. */
function nicenesses(): number[] {
  const all = readdirSync("/proc/self/task").map((thread) => {
    try {
      // proc_pid_stat(5), field 19; counted from behind the name, which may hold spaces.
      return Number(readFileSync(`/proc/self/task/${thread}/stat`, "latin1").split(") ").at(-1)?.split(" ")[16]);
    } catch {
      return 0;
    }
  });
  return [...new Set(all)];
}

const copiesIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith(".sqlite"));

describe("copies of the snapshot", () => {
  it("are made once, and mapped by every reader", async () => {
    const [path, folder] = [await snapshot(), temporaryFolder()];
    const copies = new Copies(folder);
    const [one, other] = [open(path, copies), open(path, copies)];
    expect(copiesIn(folder)).toHaveLength(1);
    expect([knows(one.reader, "a1"), knows(other.reader, "a1"), knows(other.reader, "b1")]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isMapped(folder)).toBe(true);
    const counts = [
      { source: "list", kind: "account", count: 500 },
      { source: "more", kind: "alias", count: 1 },
    ];
    expect([one.reader.image?.counts(), other.reader.image?.hasRefusals()]).toEqual([counts, false]);
    one.reader.close();
    other.reader.close();
    expect(isMapped(folder)).toBe(false);
  });

  it("are made by a thread that lets the sessions go first", async () => {
    const [path, folder] = [await snapshot("a", 20_000), temporaryFolder()];
    const { reader } = open(path, new Copies(folder));
    renameSync(await snapshot("b", 20_000), path);
    const usual = getPriority();
    const seen = new Set<number>();
    const looking = setInterval(() => nicenesses().forEach((niceness) => seen.add(niceness)), 1);
    onTestFinished(() => clearInterval(looking));
    await reader.check();
    expect(knows(reader, "b1")).toBe(true);
    expect([...seen].toSorted((a, b) => a - b)).toEqual([usual, usual + 10]);
    // It alone: what this thread starts from now on is as before.
    await expect.poll(nicenesses).toEqual([usual]);
  });

  it("hold the same bytes, which only the relay may read", async () => {
    const [path, folder] = [await snapshot(), temporaryFolder()];
    open(path, new Copies(folder));
    const [name = ""] = copiesIn(folder);
    expect(readFileSync(join(folder, name)).equals(readFileSync(path))).toBe(true);
    expect(execFileSync("stat", ["-c", "%a", join(folder, name)], { encoding: "utf8" })).toBe("400\n");
  });

  it("make readers independent of who writes over the published file", async () => {
    const [path, folder] = [await snapshot(), temporaryFolder()];
    const { reader } = open(path, new Copies(folder));
    writeFileSync(path, "garbage ".repeat(20));
    expect([knows(reader, "a1"), knows(reader, "a499"), knows(reader, "b1")]).toEqual([true, true, false]);
    await reader.check();
    expect(reader.state).toMatchObject({ kind: "open", alarm: expect.stringContaining("not a database") as string });
    expect(knows(reader, "a250")).toBe(true);
    expect(copiesIn(folder)).toHaveLength(1);
  });

  it("are replaced with the file, and nothing of the old one is left", async () => {
    const [path, folder] = [await snapshot(), temporaryFolder()];
    const copies = new Copies(folder);
    const [one, other] = [open(path, copies), open(path, copies)];
    renameSync(await snapshot("b"), path);
    await one.reader.check();
    expect([knows(one.reader, "b1"), knows(one.reader, "a1")]).toEqual([true, false]);
    // Its file is gone, and it serves until it looks.
    expect([knows(other.reader, "a1"), knows(other.reader, "b1")]).toEqual([true, false]);
    await other.reader.check();
    expect(knows(other.reader, "b1")).toBe(true);
    expect(readdirSync(folder)).toHaveLength(3);
    // Neither of them waits until the system has freed it: who made the new one has the old one open for a while.
    expect(openIn(folder).filter((name) => name.endsWith(".sqlite (deleted)"))).toHaveLength(1);
  });

  it("are not made by two processes at once, unless one of them was killed", async () => {
    const [path, folder] = [await snapshot(), temporaryFolder()];
    const copies = new Copies(folder);
    const { reader } = open(path, copies);
    renameSync(await snapshot("b"), path);
    const seen = statSnapshot(path);
    const name = copyName(folder, seen.kind === "file" ? seen.id : "", plainTrust);
    const theirs = `${name}.${process.ppid}.part`;
    writeFileSync(theirs, "half");
    await reader.check();
    expect([knows(reader, "a1"), existsSync(name)]).toEqual([true, false]);
    renameSync(theirs, `${name}.4194305.part`);
    await reader.check();
    expect([knows(reader, "b1"), existsSync(name)]).toEqual([true, true]);
  });

  it("give way to memory where their folder is gone, with a warning", async () => {
    const [path, folder] = [await snapshot(), temporaryFolder()];
    const copies = new Copies(folder);
    rmSync(folder, { recursive: true });
    const { reader, lines } = open(path, copies);
    expect(knows(reader, "a1")).toBe(true);
    renameSync(await snapshot("b"), path);
    await reader.check();
    expect([knows(reader, "b1"), isMapped(folder)]).toEqual([true, false]);
    expect(lines.filter(({ level }) => level === "warning").map(({ event }) => event)).toEqual([
      "no shared copy, keeping the snapshot in this process's memory",
      "no shared copy, keeping the snapshot in this process's memory",
    ]);
  });

  it("are judged again for other keys", async () => {
    const [path, folder] = [await snapshot(), temporaryFolder()];
    const { reader } = open(path, new Copies(folder));
    reader.change({ ...plainTrust, publicKeys: ["nobody's"] });
    await reader.check();
    expect(reader.state).toMatchObject({ kind: "open", alarm: expect.stringContaining("wrong signature") as string });
    expect(copiesIn(folder)).toHaveLength(1);
  });

  it("are refused where a byte is torn, wherever it is", async () => {
    const path = await snapshot();
    const good = readFileSync(path);
    const last = good.findLastIndex((byte) => byte !== 0);
    for (let at = 0; at < last; at += 997) {
      const torn = Buffer.from(good);
      torn[at] = (torn[at] ?? 0) ^ 1;
      writeFileSync(path, torn);
      const folder = temporaryFolder();
      const { reader } = open(path, new Copies(folder));
      expect(reader.state, `torn at ${at}`).toMatchObject({ kind: "unavailable", why: inspectBytes(torn)?.why });
      expect(readdirSync(folder), `torn at ${at}`).toEqual([]);
    }
  });
});
