/** Where lookups listen: Unix sockets with their mode and group, what a killed process has left, and what is in the way. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it, onTestFinished } from "vitest";

import { refuseSharedSockets } from "../../src/ops/binding.ts";
import { bindUnix } from "../../src/ops/unix-socket.ts";
import type { UnixPlace } from "../../src/ops/unix-socket.ts";
import { isRoot } from "../fakes/postfix.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-unix-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Listens there; closed at the end of the test. */
async function listen(place: Partial<UnixPlace> & { readonly path: string }) {
  const server = createServer();
  onTestFinished(() => void server.close());
  await bindUnix(server, { mode: "0660", group: "", ...place });
  return server;
}

/** A socket whose process was killed. */
async function deserted(path: string): Promise<void> {
  const program = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.stdout.write("x"))`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
  expect(statSync(path).isSocket()).toBe(true);
}

describe("a Unix socket of lookups", () => {
  it("has its mode, whatever the umask is, and takes the place of one that a killed process has left", async () => {
    const path = join(folder, "left");
    await deserted(path);
    for (const [mode, umask] of [
      ["0660", 0o077],
      ["666", 0o022],
      ["0600", 0],
    ] as const) {
      const before = process.umask(umask);
      const server = await listen({ path, mode });
      expect(process.umask(before)).toBe(umask);
      expect((statSync(path).mode & 0o777).toString(8)).toBe(mode.slice(-3));
      await new Promise((resolve) => server.close(resolve));
      expect(existsSync(path)).toBe(false);
    }
  });

  it.skipIf(!isRoot())("has its group, by name or number", async () => {
    const [, gid = ""] = /^mail:[^:]*:(\d+):/m.exec(readFileSync("/etc/group", "utf8")) ?? [];
    for (const group of ["mail", gid]) {
      const path = join(folder, `group-${group}`);
      await listen({ path, group });
      expect(statSync(path).gid).toBe(Number(gid));
    }
  });

  it("leaves that of a living process alone, a link, and what is no socket", async () => {
    const path = join(folder, "alive");
    await listen({ path });
    const { ino } = statSync(path);
    await expect(listen({ path })).rejects.toMatchObject({
      code: "EADDRINUSE",
      message: `Cannot listen at "unix:${path}": another process answers there`,
    });
    expect(statSync(path).ino).toBe(ino);
    const file = join(folder, "file");
    writeFileSync(file, "mine");
    await expect(listen({ path: file })).rejects.toThrow("what is there is not a socket");
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  it("says which folder is not there, or is none", async () => {
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "none"), "");
    await expect(listen({ path: join(folder, "gone/a") })).rejects.toMatchObject({
      code: "EACCES",
      message: expect.stringMatching(/: there is no folder \/.*\/gone$/),
    });
    await expect(listen({ path: join(folder, "none/a") })).rejects.toThrow("Cannot listen at");
  });
});

describe("sockets of systemd", () => {
  const given = (names: string, count = names.split(":").length): void => {
    const before = { ...process.env };
    Object.assign(process.env, { LISTEN_FDS: String(count), LISTEN_FDNAMES: names });
    delete process.env["LISTEN_PID"];
    onTestFinished(() => {
      process.env = before;
    });
  };
  const all = new Set(["smtp", "postfix", "exim"]);

  it.each([
    ["smtp:postfix", ["smtp", "postfix"], undefined],
    // One has the rest.
    ["goodmailto.socket:postfix", ["smtp", "postfix"], undefined],
    ["postfix:postfix", ["postfix"], undefined],
    ["goodmailto.socket", ["postfix", "exim"], '"postfix" and "exim"'],
    ["unknown:unknown", ["smtp", "exim"], '"smtp" and "exim"'],
  ])("named %s are not two services at once", (names, services, why) => {
    given(names);
    const refuse = (): void => refuseSharedSockets(services, all);
    if (why === undefined) {
      expect(refuse).not.toThrow();
    } else {
      expect(refuse).toThrow(`one socket of systemd is for ${why}; name it by FileDescriptorName=`);
    }
  });
});
