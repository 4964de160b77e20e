import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { BackEndAnswer } from "../../src/auth/backends/contract.ts";
import { askProgram } from "../../src/auth/backends/command.ts";
import { missing } from "../fakes/need.ts";

const login = { user: "alice@kontor.example", password: "päss wörd", ip: "192.0.2.1" };

describe("checkpassword", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-checkpassword-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function script(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o755 });
    return path;
  }

  const ask = (command: readonly string[], timeout = 20_000): Promise<BackEndAnswer> =>
    askProgram(command, login, AbortSignal.timeout(timeout));
  const exits = (code: number): string => script(`exit-${code}`, `#!/bin/sh\nexit ${code}\n`);

  it.skipIf(missing("python3"))("gives user, password and stamp on descriptor 3 and closes it", async () => {
    const path = join(folder, "seen");
    const program = script(
      "record.py",
      `#!/usr/bin/env python3
import os, sys
data = b""
while True:
    part = os.read(3, 512)
    if not part: break
    data += part
open(${JSON.stringify(path)}, "wb").write(data + b"|" + repr((sys.argv[1:], os.environ.get("TCPREMOTEIP"), "LISTEN_FDS" in os.environ, os.getpgrp() == os.getpid())).encode())
`,
    );
    expect(await ask([program, "a b", "$HOME"])).toEqual({ kind: "accepted" });
    const [fields = "", facts] = readFileSync(path, "utf8").split("|");
    const [user, password, stamp, ...rest] = fields.split("\0");
    expect([user, password, rest]).toEqual([login.user, login.password, [""]]);
    expect(stamp).toMatch(/^<\d+\.\d+@goodmailto>$/);
    expect(facts).toBe("(['a b', '$HOME'], '192.0.2.1', False, True)");
  });

  it("takes exit 0 for right, 1 for wrong, and everything else for a back end that is away", async () => {
    expect(await ask([exits(0)])).toEqual({ kind: "accepted" });
    expect(await ask([exits(1)])).toEqual({ kind: "refused" });
    for (const code of [2, 111, 3, 78, 100, 126, 127, 255]) {
      expect(await ask([exits(code)])).toMatchObject({
        kind: "unavailable",
        why: expect.stringContaining(`exit ${code}`),
      });
    }
    expect(await ask([script("killed", "#!/bin/sh\nkill -9 $$\n")])).toEqual({
      kind: "unavailable",
      why: "ended by SIGKILL",
    });
    expect(await ask([join(folder, "nowhere")])).toMatchObject({
      kind: "unavailable",
      why: expect.stringContaining("ENOENT"),
    });
    expect(await ask([folder])).toMatchObject({ kind: "unavailable", why: expect.stringContaining("EACCES") });
    expect(await ask(["has\0nul"])).toMatchObject({ kind: "unavailable" });
  });

  it("hands the program over to another one, as DJB's own does", async () => {
    const inner = script("inner", `#!/bin/sh\necho "$1" > ${folder}/inner.txt\nexit 0\n`);
    const outer = script("outer", `#!/bin/sh\nexec 3<&-\nexec "$@"\n`);
    expect(await ask([outer, inner, "word"])).toEqual({ kind: "accepted" });
    expect(readFileSync(join(folder, "inner.txt"), "utf8")).toBe("word\n");
  });

  it("tells the log what the program said, unless it said the password", async () => {
    const says = (words: string): Promise<BackEndAnswer> =>
      ask([script("says", `#!/bin/sh\nread line <&3\n${words} >&2\nexit 111\n`)]);
    expect(await says("echo first; echo 'directory is down'")).toEqual({
      kind: "unavailable",
      why: "temporary failure (exit 111): directory is down",
    });
    const silent = { kind: "unavailable", why: "temporary failure (exit 111)" };
    expect(await says("echo bad password: päss wörd!")).toEqual(silent);
    expect(await says(`echo ${Buffer.from(login.password).toString("base64")}`)).toEqual(silent);
    expect(await says(`echo ${Buffer.from(`\0${login.user}\0${login.password}`).toString("base64")}`)).toEqual(silent);
    expect(await says(`printf 'forged\\r\\033[2Jline\\n'`)).toMatchObject({
      why: expect.not.stringMatching(/[\r\x1b]/),
    });
    const flood = await ask([script("flood", "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x >&2\nexit 2\n")]);
    expect(flood).toMatchObject({ kind: "unavailable" });
    expect(JSON.stringify(flood).length).toBeLessThan(400);
  });

  it("ends a program that does not answer in time, with all its children", async () => {
    const pids = join(folder, "pids");
    const stubborn = script(
      "stubborn",
      `#!/bin/sh\ntrap '' TERM\nsleep 100 &\necho $! $$ > ${pids}\nwhile :; do sleep 1; done\n`,
    );
    const start = performance.now();
    expect(await ask([stubborn], 1000)).toEqual({ kind: "unavailable", why: "no answer in time" });
    expect(performance.now() - start).toBeLessThan(10_000);
    const alive = (): boolean =>
      readFileSync(pids, "utf8")
        .trim()
        .split(" ")
        .some((pid) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
    for (let i = 0; i < 200 && alive(); i++) {
      await sleep(50);
    }
    expect(alive()).toBe(false);
  });
});
