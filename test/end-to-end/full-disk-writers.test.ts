/**
 * Everything that writes files, on a full disk: no temporary file stays, nothing half stays, what was there stays, and
 * the message names the file. With a disk that is full, and with a process that may write no files (EFBIG).
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { missing, skipped } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import { startOrigin } from "../fakes/origin.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { answerTo, configOf, node, Scene } from "./scene.ts";
import type { Ended, Program } from "./scene.ts";
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

const space = /ENOSPC|EFBIG|SQLITE_FULL|database or disk is full|SQLITE_IOERR/;

/** A disk, or what is the same to a program. */
interface Disk {
  readonly name: string;
  readonly impossible: boolean;
  mount(folder: string): void;
  /** @param left bytes that stay free */
  fill(folder: string, left?: number): void;
  unmount(folder: string): void;
  /** In front of the command. */
  readonly wrapper: readonly string[];
}

function mayMount(): boolean {
  const test = "mount -t tmpfs -o size=64k tmpfs /mnt && umount /mnt";
  return spawnSync("unshare", ["-m", "sh", "-c", test]).status === 0;
}

const disks: readonly Disk[] = [
  {
    name: "a full disk",
    impossible: !mayMount() && skipped("no right to mount a tmpfs"),
    mount: (folder) => {
      expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status).toBe(0);
    },
    fill: (folder, left = 0) => {
      try {
        for (let i = 0; ; i++) {
          writeFileSync(join(folder, "filler"), Buffer.alloc(4096), { flag: "a" });
        }
      } catch {
        // Full.
      }
      truncateSync(join(folder, "filler"), statSync(join(folder, "filler")).size - left);
    },
    unmount: (folder) => void spawnSync("umount", [folder]),
    wrapper: [],
  },
  {
    name: "a process that may write no file",
    impossible: missing("prlimit"),
    mount: () => undefined,
    fill: () => undefined,
    unmount: () => undefined,
    wrapper: ["prlimit", "--fsize=8"],
  },
];

describe.each(disks)("on $name", ({ impossible, mount, fill, unmount, wrapper }) => {
  let scene: Scene;
  let disk: string;
  let before: string[];
  beforeEach(() => {
    scene = new Scene();
    disk = join(scene.folder, "disk");
    mkdirSync(disk);
    mount(disk);
  });
  afterEach(async () => {
    unmount(disk);
    await scene.close();
  });

  const config = (more = ""): string =>
    scene.write(
      "goodmailto.toml",
      `[smtp]\nstatus_folder = ""\n[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "disk/snapshot.sqlite"\n[[source]]\nname = "list"\ntype = "list"\nurl = ["list"]\n${more}`,
    );
  const list = (count: number): void =>
    void scene.write("list", Array.from({ length: count }, (_, i) => `user${i}@kontor.example\n`).join(""));
  const names = (): string[] => readdirSync(disk).toSorted();

  function start(words: readonly string[], input = ""): Program {
    const [command = "", ...rest] = [...wrapper, node, main, ...words];
    return input === ""
      ? scene.run(command, rest)
      : scene.run("sh", ["-c", `printf '%s\\n' "${input}" | "$0" "$@"`, command, ...rest]);
  }

  /** Runs it on the full disk; nothing may come, nor go. */
  async function run(words: readonly string[], input = ""): Promise<Ended> {
    fill(disk);
    before = names();
    const ended = await start(words, input).ended();
    expect(names()).toEqual(before);
    return ended;
  }

  it.skipIf(impossible)("sync says so, and leaves the list that serves", async () => {
    list(100);
    expect((await scene.call("sync", "-c", config())).code).toBe(0);
    const old = readFileSync(join(disk, "snapshot.sqlite"));
    list(3000);
    const { code, stdout } = await run(["sync", "-c", config()]);
    expect([code, stdout]).toEqual([75, expect.stringMatching(space)]);
    expect(readFileSync(join(disk, "snapshot.sqlite")).equals(old)).toBe(true);
  });

  it.skipIf(impossible)("publish leaves the target as it was", async () => {
    list(100);
    scene.write("full.toml", "");
    const text = config('[[publish]]\nname = "copy"\nto = "disk/copy.sqlite"\n').replace("disk/snapshot", "snapshot");
    writeFileSync(
      text,
      readFileSync(text, "utf8").replace("disk/snapshot", "snapshot").replace("disk/copy", `${disk}/copy`),
    );
    expect((await scene.call("sync", "-c", text)).code).toBe(0);
    const old = readFileSync(join(disk, "copy.sqlite"));
    const { code, stderr } = await run(["publish", "-c", text]);
    expect([code, stderr]).toEqual([75, expect.stringMatching(/copy/)]);
    expect(stderr).toMatch(space);
    expect(readFileSync(join(disk, "copy.sqlite")).equals(old)).toBe(true);
  });

  it.skipIf(impossible)("pull gives up what came, and keeps the list that serves", async () => {
    const origin = await startOrigin();
    try {
      await publishSnapshot(
        join(scene.folder, "made.sqlite"),
        Array.from({ length: 2000 }, (_, i) => `user${i}@kontor.example`),
      );
      origin.files.set("/list", readFileSync(join(scene.folder, "made.sqlite")));
      expect((await scene.call("keygen", join(scene.folder, "key"))).code).toBe(0);
      const path = config(`[pull]\ntimeout = "10s"\n`);
      const more = `[snapshot]\npull = "${origin.url}/list"\npublic_key_file = "key.pub"`;
      writeFileSync(path, readFileSync(path, "utf8").replace("[snapshot]", more));
      // The lock and the note of what is being fetched have room, the list has not.
      writeFileSync(join(disk, "snapshot.sqlite.lock"), "");
      const words = ["pull", "-c", path];
      fill(disk, 16_384);
      const { code, stderr } = await start(words).ended();
      expect([code, stderr]).toEqual([75, expect.stringMatching(/Cannot write \\".*disk\/snapshot\.sqlite\.\w+\\"/)]);
      expect(stderr).toMatch(space);
      expect(names().filter((name) => /part|tmp/.test(name))).toEqual([]);
    } finally {
      await origin.stop();
    }
  });

  it.skipIf(impossible)("export leaves the file that is there", async () => {
    list(1000);
    expect((await scene.call("sync", "-c", config())).code).toBe(0);
    writeFileSync(join(disk, "out"), "old\n");
    const output = join(disk, "out");
    const { code, stderr } = await run(["export", "--format", "postfix", "-o", output, "-c", config()]);
    expect([code, stderr]).toEqual([69, expect.stringContaining(`nothing written to "${output}"`)]);
    expect(stderr).toMatch(space);
    expect(readFileSync(output, "utf8")).toBe("old\n");
  });

  it.skipIf(impossible).each([
    ["keygen", "key"],
    ["keygen", "--hmac", "secret"],
    ["tls", "self-signed", "--name", "mx.kontor.example", "--key", "key.pem", "--cert", "cert.pem"],
  ])("%s %s leaves nothing", async (...words) => {
    const files = new Set(["key", "secret", "key.pem", "cert.pem"]);
    const { code, stderr } = await run(words.map((word) => (files.has(word) ? join(disk, word) : word)));
    expect(code).toBe(69);
    expect(stderr).toMatch(/Cannot write ".*disk\/\w/);
    expect(stderr).toMatch(space);
  });

  it.skipIf(impossible)("passwd leaves the file that is there", async () => {
    const file = join(disk, "passwords");
    writeFileSync(file, "# ours\n", { mode: 0o600 });
    const { code, stderr } = await run(["passwd", "anna", "--file", file], "secret");
    expect([code, stderr]).toEqual([69, expect.stringContaining(`Cannot write "${file}"`)]);
    expect(stderr).toMatch(space);
    expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["# ours\n", 0o600]);
  });

  it.skipIf(impossible)("rollback leaves the list that serves", async () => {
    for (const count of [100, 101]) {
      list(count);
      expect((await scene.call("sync", "-c", config())).code).toBe(0);
    }
    const old = readFileSync(join(disk, "snapshot.sqlite"));
    const { code, stdout, stderr } = await run(["rollback", "1", "-c", config()]);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(space);
    expect(readFileSync(join(disk, "snapshot.sqlite")).equals(old)).toBe(true);
  });

  it.skipIf(impossible)("the relay takes mail, and says which notes it cannot write", async () => {
    const hop = await startNextHop();
    try {
      await publishSnapshot(join(disk, "snapshot.sqlite"), ["anna@kontor.example"]);
      const port = await freePort();
      const more = '[recipients]\nmode = "observe"\nobserve_file = "disk/observed.json"';
      const text = configOf({ hop: hop.port, port, smtp: 'status_folder = "disk"', more });
      const path = scene.write("relay.toml", text.replace('"snapshot.sqlite"', '"disk/snapshot.sqlite"'));
      fill(disk);
      before = names();
      const program = start(["serve", "-c", path]);
      await program.until(/relay: ready/);
      expect(await answerTo(port, "nobody@kontor.example")).toMatch(/^250/);
      const { code, stderr } = await program.stop();
      expect(code).toBe(0);
      expect(stderr).toMatch(/observe: cannot write path=\S*observed\.json why="(?:ENOSPC|EFBIG)/);
      expect(stderr).toMatch(/relay: cannot record .*(?:ENOSPC|EFBIG)/);
      expect(names()).toEqual(before);
    } finally {
      await hop.close();
    }
  });

  it.skipIf(impossible)("checks new leaves nothing", async () => {
    fill(disk);
    before = names();
    const [command, ...rest] = [...wrapper, node, main, "checks", "new", "friendly"];
    const program = scene.run("sh", ["-c", `cd "${disk}" && exec "$0" "$@"`, command, ...rest]);
    const { code, stderr } = await program.ended();
    expect([code, stderr]).toEqual([2, expect.stringContaining('Cannot write "friendly.ts"')]);
    expect(names()).toEqual(before);
    rmSync(join(disk, "filler"), { force: true });
  });
});
