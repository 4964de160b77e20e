/** `npm start` as a person sees it: the real program, from its first line to Ctrl-C. */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

import { afterEach, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function demo(...words: string[]): Promise<Ended> {
  try {
    const { stdout, stderr } = await run(process.execPath, ["src/main.ts", "demo", ...words], {
      cwd: root,
      timeout: 25_000,
    });
    return { code: 0, stdout, stderr };
  } catch (fault) {
    return fault as Ended;
  }
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

/** Holds a port, or finds a free one by letting it go. */
async function takePort(): Promise<{ port: number; release: () => Promise<void> }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const release = async (): Promise<void> => {
    if (server.listening) {
      await new Promise((done) => server.close(done));
    }
  };
  cleanups.push(release);
  return { port: (server.address() as AddressInfo).port, release };
}

interface Running {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly port: string;
  /** All that it printed so far. */
  text(): string;
}

async function start(): Promise<Running> {
  const { port, release } = await takePort();
  await release();
  const folder = join(root, `var/demo-${port}`);
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const child = spawn(process.execPath, ["src/main.ts", "demo", "--port", String(port)], { cwd: root });
  cleanups.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await expect.poll(() => text, { timeout: 15_000 }).toContain("Ctrl-C ends the demo");
  return { child, folder, port: String(port), text: () => text };
}

function listTalks(): string[] {
  return readdirSync(join(root, "var")).filter((name) => name.startsWith("talk-"));
}

describe("npm start", () => {
  it("is ready within 15 s, and its three commands show what they say", { timeout: 60_000 }, async () => {
    const running = await start();
    const commands = [...running.text().matchAll(/^ {2}(cd .*--send .*)$/gm)].map(([, command]) => command ?? "");
    expect(commands).toHaveLength(3);
    const pasted: Ended[] = [];
    for (const command of commands) {
      pasted.push(
        await run("/bin/sh", ["-c", command], { timeout: 20_000 }).then(
          (output) => ({ code: 0, ...output }),
          (fault: unknown) => fault as Ended,
        ),
      );
    }
    expect(pasted.map(({ code }) => code)).toEqual([0, 1, 0]);
    expect(pasted[0]?.stdout).toContain("ada.lindqvist@kontor.example");
    expect(pasted[1]?.stdout).toMatch(/> RCPT TO:<nobody@kontor\.example>\n {2}< 550 5\.1\.1 [^]*221/);
    expect(pasted[1]?.stdout).not.toContain("DATA");
    expect(pasted[2]?.stdout).toMatch(/RCPT TO:<nobody@kontor\.example>\n {2}< 250 /);
    await expect
      .poll(() => running.text())
      .toMatch(/received \d+ bytes from <client@elsewhere\.example> to ada\.lindqvist@/);
    await expect.poll(() => running.text()).toMatch(/received .* to nobody@kontor\.example/);
    // The snapshot comes back.
    expect((await demo("--sync", "--port", running.port)).code).toBe(0);
    const refused = async (): Promise<number> =>
      (await demo("--send", "nobody@kontor.example", "--port", running.port)).code;
    await expect.poll(refused, { timeout: 10_000 }).toBe(1);
  });

  it("ends at Ctrl-C with its ports closed", async () => {
    const { child, port, folder } = await start();
    const exited = once(child, "exit");
    child.kill("SIGINT");
    expect(await exited).toEqual([0, null]);
    expect((await demo("--send", "ada.lindqvist@kontor.example", "--port", port)).stderr).toContain("start the demo");
    expect(
      readdirSync(folder).every((name) => /^(?:goodmailto\.toml|directory\.password|snapshot\.sqlite.*)$/.test(name)),
    ).toBe(true);
  });

  it("says clearly when the port is taken, and touches nothing", async () => {
    const { port } = await takePort();
    const { code, stderr } = await demo("--port", String(port));
    expect(code).toBe(69);
    expect(stderr).toContain(`Port ${port} of 127.0.0.1 is taken`);
    expect(existsSync(join(root, `var/demo-${port}`))).toBe(false);
  });

  it("talks to itself and ends with 0", async () => {
    const { code, stdout, stderr } = await demo("--talk");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(
      /nobody@kontor\.example>\n {2}< 550 5\.1\.1 [^]*received[^]*Without a snapshot[^]*nobody@kontor\.example>\n {2}< 250 /,
    );
    expect(stdout).not.toContain("!");
    // Somebody else's talk in this working copy may go on for a moment.
    await expect.poll(listTalks, { timeout: 10_000 }).toEqual([]);
  });
});
