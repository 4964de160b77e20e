/** `goodmailto sync --dry-run` and `--delta` as people call them, and the values that are left out. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function place(list: string, more = ""): { folder: string; run: (...words: string[]) => Promise<Ended> } {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "list"), list);
  const config = join(folder, "goodmailto.toml");
  writeFileSync(
    config,
    `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "state/snapshot.sqlite"\n${more}
[[source]]\nname = "list"\ntype = "list"\nurl = ["list"]\n`,
  );
  mkdirSync(join(folder, "tmp"));
  const env = { ...process.env, TMPDIR: join(folder, "tmp") };
  const run = (...words: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      execFile(process.execPath, [main, ...words, "-c", config], { timeout: 20_000, env }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
      });
    });
  return { folder, run };
}

const traces = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
    const { mtimeMs, ctimeMs, size } = statSync(join(folder, name));
    return `${name} ${mtimeMs} ${ctimeMs} ${size}`;
  });

describe("goodmailto sync --dry-run", { timeout: 60_000 }, () => {
  it("writes nothing: not where there is no folder for the snapshot yet, and not beside one", async () => {
    const { folder, run } = place("anna@kontor.example\n");
    expect(await run("sync", "--dry-run")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("+ anna@kontor.example\n") as string,
    });
    expect(existsSync(join(folder, "state"))).toBe(false);

    mkdirSync(join(folder, "state"));
    expect((await run("sync")).code).toBe(0);
    const before = traces(join(folder, "state"));
    writeFileSync(join(folder, "list"), "anna@kontor.example\nbert@kontor.example\n");
    expect((await run("sync", "--dry-run")).stdout).toContain("+ bert@kontor.example\n");
    expect(traces(join(folder, "state"))).toEqual(before);
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
  });

  it("counts nothing: after any number of failures nobody is told, and status knows of none", async () => {
    const { folder, run } = place("anna@kontor.example\n", '[alert]\nafter_failures = 2\ncommand = ["false"]\n');
    mkdirSync(join(folder, "state"));
    expect((await run("sync")).code).toBe(0);
    writeFileSync(join(folder, "list"), "");
    for (const _ of [1, 2, 3]) {
      const { code, stderr } = await run("sync", "--dry-run");
      expect(code).toBe(65);
      expect(stderr).not.toContain("alert");
    }
    expect(await run("status")).toMatchObject({ code: 0, stdout: expect.not.stringContaining("failures") as string });
  });

  it("names what it left out: a few of each reason for people, all of them in JSON", async () => {
    const odd = Array.from({ length: 30 }, (_, i) => `u${i}@other.example`);
    const { run } = place(`anna@kontor.example\ntwo words\n${odd.join("\n")}\n`);
    const { stdout } = await run("sync", "--dry-run");
    expect(stdout).toMatch(/left out: 1 malformed\n {4}"two words" of \S+\/list:2\n/);
    expect(stdout).toMatch(/left out: 30 foreign domain\n {4}"u0@other\.example" of \S+\/list:3\n/);
    expect(stdout.match(/@other\.example/g)).toHaveLength(10);
    expect(stdout).toContain("and 20 more, see --json\n");

    const json = await run("sync", "--dry-run", "--json");
    const told = JSON.parse(json.stdout) as { left: { value: string }[] };
    expect(told).toMatchObject({ outcome: "dry-run", added: ["anna@kontor.example"], removed: [], omitted: 0 });
    expect(told.left).toHaveLength(31);
    expect(told.left[0]).toMatchObject({ source: "list", attribute: "", value: "two words", why: "malformed" });
    expect((await run("sync", "--json")).code).toBe(2);
  });

  it("is not needed for that: a sync at level debug names them in its log, up to a thousand", async () => {
    const odd = Array.from({ length: 1500 }, (_, i) => `u${i}@other.example`);
    const { folder, run } = place(`anna@kontor.example\n${odd.join("\n")}\n`, '[log]\nlevel = "debug"\n');
    mkdirSync(join(folder, "state"));
    const { stderr } = await run("sync");
    expect(stderr).toMatch(
      /sync: left out source=list entry=\S+list:2 attribute="" value=u0@other\.example why="foreign domain"/,
    );
    expect(stderr.match(/sync: left out/g)).toHaveLength(1000);
    expect(stderr.match(/more values left out/g)).toHaveLength(1);
  });
});

describe("goodmailto sync --delta", { timeout: 60_000 }, () => {
  it("exits 2 and says why where no source can tell what changed", async () => {
    const { folder, run } = place("anna@kontor.example\n");
    expect(await run("sync", "--delta")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--delta needs a source that reports changes/) as string,
    });
    expect(existsSync(join(folder, "state"))).toBe(false);
  });
});
