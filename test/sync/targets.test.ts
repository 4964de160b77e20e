/** Where a published list is pushed to: folders and programs. HTTP and S3 are in test/pull. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { publish as publishSettings } from "../../src/config/transfer.ts";
import { pushList } from "../../sync/targets/again.ts";
import { createTarget } from "../../sync/targets/target.ts";
import { missing } from "../fakes/need.ts";
import { memoryLog, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

function scene() {
  const folder = temporaryFolder();
  const path = join(folder, "snapshot.sqlite");
  const dmz = join(folder, "dmz");
  mkdirSync(dmz);
  writeFileSync(path, "the list");
  const log = memoryLog();
  const send = (...targets: Record<string, unknown>[]): Promise<readonly string[]> => {
    const all = targets.map((settings) => createTarget(publishSettings.parse({ name: "dmz", ...settings }), folder));
    return pushList(all, path, log, new AbortController().signal);
  };
  return { folder, path, dmz, log, send, why: () => String(log.lines.at(-1)?.fields["why"]) };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a target that is a folder", () => {
  it("gets the file under its name or another, readable by the group, and nothing else", async () => {
    const { dmz, send } = scene();
    expect(await send({ to: dmz })).toEqual([]);
    expect(await send({ to: join(dmz, "other.sqlite") })).toEqual([]);
    expect(readdirSync(dmz).sort()).toEqual(["other.sqlite", "snapshot.sqlite"]);
    expect(readFileSync(join(dmz, "snapshot.sqlite"), "utf8")).toBe("the list");
    expect(statSync(join(dmz, "snapshot.sqlite")).mode & 0o777).toBe(0o640);
  });

  it("keeps what it had where it cannot be written, and the others get theirs", async () => {
    const { dmz, folder, send, why } = scene();
    expect(await send({ to: join(folder, "missing", "snapshot.sqlite") }, { name: "good", to: dmz })).toEqual(["dmz"]);
    expect(existsSync(join(dmz, "snapshot.sqlite"))).toBe(true);
    expect(await send({ to: join(folder, "missing", "snapshot.sqlite") })).toEqual(["dmz"]);
    expect(why()).toMatch(/ENOENT/);
  });
});

describe("a target that is a program", () => {
  it("gets the file's name in its words, and the file on its standard input", async () => {
    const { dmz, send } = scene();
    expect(await send({ command: ["cp", "{file}", `${dmz}/copied`] })).toEqual([]);
    expect(await send({ command: ["sh", "-c", 'cat > "$0.tmp" && mv "$0.tmp" "$0"', `${dmz}/piped`] })).toEqual([]);
    for (const name of ["copied", "piped"]) {
      expect(readFileSync(join(dmz, name), "utf8")).toBe("the list");
    }
  });

  it("has failed with its last words where it says so, or is not there", async () => {
    const { send, why } = scene();
    expect(await send({ command: ["sh", "-c", "echo first >&2; echo no route to host >&2; exit 12"] })).toEqual([
      "dmz",
    ]);
    expect(why()).toBe('Cannot push by "sh": exit 12 no route to host');
    expect(await send({ command: ["/nowhere/rsync", "{file}"] })).toEqual(["dmz"]);
    expect(why()).toMatch(/ENOENT/);
  });

  it("is ended with its children where it does not end in time", async () => {
    const { folder, send, why } = scene();
    const pidFile = join(folder, "pid");
    const script = `sleep 600 & echo $! > ${pidFile}.tmp; mv ${pidFile}.tmp ${pidFile}; wait`;
    expect(await send({ command: ["sh", "-c", script], timeout: "1500ms" })).toEqual(["dmz"]);
    expect(why()).toMatch(/did not end in time/);
    const pid = Number(readFileSync(pidFile, "utf8"));
    await expect.poll(() => alive(pid) && !isZombie(pid), { timeout: 10_000 }).toBe(false);
  });

  it.skipIf(missing("rsync"))("may be rsync, which renames the file when it is whole", async () => {
    const { dmz, send } = scene();
    expect(await send({ command: ["rsync", "--chmod=F640", "{file}", `${dmz}/`] })).toEqual([]);
    expect(readFileSync(join(dmz, "snapshot.sqlite"), "utf8")).toBe("the list");
    expect(statSync(join(dmz, "snapshot.sqlite")).mode & 0o777).toBe(0o640);
  });
});

function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

/** Runs a verb. */
function goodmailto(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

describe("goodmailto sync with targets", () => {
  it("makes keys, signs, carries after each sync, and says 75 where a target did not get it", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "goodmailto.toml");
    const dmz = join(folder, "dmz");
    mkdirSync(dmz);
    writeFileSync(join(folder, "list"), "vera\nsue@kontor.example\n");
    expect(await goodmailto("keygen", join(folder, "sign"))).toMatchObject({ code: 0 });
    expect(await goodmailto("keygen", "--hmac", join(folder, "key"))).toMatchObject({ code: 0 });
    expect(await goodmailto("keygen", "--hmac", join(folder, "key"))).toMatchObject({ code: 69 });
    expect(statSync(join(folder, "sign")).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "key")).mode & 0o777).toBe(0o600);
    const text = `[domains]
relay = ["kontor.example"]
[snapshot]
path = "snapshot.sqlite"
key_file = "key"
signing_key_file = "sign"
public_key_file = "sign.pub"
[[source]]
name = "list"
type = "list"
url = ["list"]
[[publish]]
name = "dmz"
to = "${dmz}"
`;
    writeFileSync(config, text);
    const first = await goodmailto("sync", "-c", config);
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining("published 2 addresses") as string });
    expect(first.stderr).toContain("target=dmz");
    // The directory says the same: no list is written, and the target has it already, until somebody takes it away.
    const inode = statSync(join(dmz, "snapshot.sqlite")).ino;
    expect(await goodmailto("sync", "-c", config)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("left as it is") as string,
      stderr: expect.not.stringContaining("target=") as string,
    });
    expect(statSync(join(dmz, "snapshot.sqlite")).ino).toBe(inode);
    rmSync(join(dmz, "snapshot.sqlite"));
    const third = await goodmailto("sync", "-c", config);
    expect(third).toMatchObject({ code: 0, stderr: expect.stringContaining("no longer at the target") as string });
    expect(readFileSync(join(dmz, "snapshot.sqlite")).equals(readFileSync(join(folder, "snapshot.sqlite")))).toBe(true);
    expect(await goodmailto("check", "-c", config, "vera@kontor.example")).toMatchObject({ code: 0 });
    expect(await goodmailto("export", "-c", config, "--format", "postfix")).toMatchObject({ code: 65, stdout: "" });
    writeFileSync(config, text.replace(`to = "${dmz}"`, 'command = ["false"]'));
    expect(await goodmailto("sync", "-c", config)).toMatchObject({
      code: 75,
      stderr: expect.stringContaining("push failed, target keeps its previous snapshot") as string,
    });
    expect(await goodmailto("publish", "-c", config)).toMatchObject({ code: 75 });
    writeFileSync(config, text.replace('"key"', '"sign"'));
    expect(await goodmailto("sync", "-c", config)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining("64 hex digits") as string,
    });
  }, 90_000);
});

describe("a target that did not get the list", () => {
  it("is tried again by runs that fail or are held, until it has it; status names it", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "goodmailto.toml");
    const [dmz, list, snapshot] = ["dmz", "list", "snapshot.sqlite"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const arrived = (): boolean =>
      existsSync(join(dmz, "snapshot.sqlite")) &&
      readFileSync(join(dmz, "snapshot.sqlite")).equals(readFileSync(snapshot));
    const status = async (): Promise<string> => (await goodmailto("status", "-c", config)).stdout;
    writeFileSync(list, "vera@kontor.example\n");
    writeFileSync(
      config,
      `[domains]
relay = ["kontor.example"]
[snapshot]
path = "snapshot.sqlite"
[[source]]
name = "list"
type = "list"
url = ["list"]
[[publish]]
name = "dmz"
to = "${dmz}/snapshot.sqlite"
`,
    );
    expect(await goodmailto("sync", "-c", config)).toMatchObject({ code: 75 });
    expect(await status()).toContain("target dmz: lacks this list\n");

    mkdirSync(dmz);
    renameSync(list, `${list}.away`);
    expect(await goodmailto("sync", "--dry-run", "-c", config)).toMatchObject({ code: 75 });
    expect(arrived()).toBe(false);
    expect(await goodmailto("sync", "-c", config)).toMatchObject({ code: 75 });
    expect(arrived()).toBe(true);
    expect(await status()).not.toContain("target dmz");

    renameSync(`${list}.away`, list);
    writeFileSync(list, "vera@kontor.example\nsue@kontor.example\n");
    expect(await goodmailto("sync", "-c", config)).toMatchObject({ code: 0 });
    rmSync(dmz, { recursive: true });
    expect(await goodmailto("rollback", "1", "-c", config)).toMatchObject({ code: 75 });
    expect(await status()).toContain("target dmz: lacks this list\n");
    mkdirSync(dmz);
    const held = await goodmailto("sync", "-c", config);
    expect(held).toMatchObject({ code: 65, stderr: expect.stringContaining("target=dmz") as string });
    expect(arrived()).toBe(true);
    // What it has it does not get again.
    expect((await goodmailto("sync", "-c", config)).stderr).not.toContain("target=dmz");
  }, 90_000);
});

describe("a failure of targets alone", () => {
  it("is over once publish has carried the list to all of them by hand; one of a source is not", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "goodmailto.toml");
    const [dmz, west, list] = ["dmz", "west", "list"].map((name) => join(folder, name)) as [string, string, string];
    const status = () => goodmailto("status", "-c", config);
    writeFileSync(list, "vera@kontor.example\n");
    writeFileSync(
      config,
      `[domains]
relay = ["kontor.example"]
[snapshot]
path = "snapshot.sqlite"
[alert]
after_failures = 1
command = ["/bin/sh", "-c", "echo $GOODMAILTO_EVENT >>${folder}/told"]
[[source]]
name = "list"
type = "list"
url = ["list"]
[[publish]]
name = "dmz"
to = "${dmz}/snapshot.sqlite"
[[publish]]
name = "west"
to = "${west}/snapshot.sqlite"
`,
    );
    expect(await goodmailto("sync", "-c", config)).toMatchObject({ code: 75 });
    expect(await status()).toMatchObject({ code: 1, stdout: expect.stringContaining("sync: 1 failures") as string });

    mkdirSync(dmz);
    expect(await goodmailto("publish", "-c", config, "dmz")).toMatchObject({ code: 0 });
    expect(await status()).toMatchObject({ code: 1, stdout: expect.stringContaining("target west") as string });
    mkdirSync(west);
    expect(await goodmailto("publish", "-c", config, "west")).toMatchObject({ code: 0 });
    const over = await status();
    expect(over.code).toBe(0);
    expect(over.stdout).not.toContain("failures");
    expect(readFileSync(join(folder, "told"), "utf8")).toBe("sync-failing\nrecovered\n");

    renameSync(list, `${list}.away`);
    expect(await goodmailto("sync", "-c", config)).toMatchObject({ code: 75 });
    expect(await goodmailto("publish", "-c", config)).toMatchObject({ code: 0 });
    expect(await status()).toMatchObject({ code: 1, stdout: expect.stringContaining("sync: 1 failures") as string });
  }, 90_000);
});
