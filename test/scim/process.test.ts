/** `goodmailto scim` as a process beside `sync --cron`: a joiner is published, a crash loses nothing, SIGHUP reads anew. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { main } from "../program.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";

const token = "a-token-of-the-test";

interface Running {
  readonly child: ChildProcess;
  readonly log: () => string;
}

function start(folder: string, ...words: string[]): Running {
  const child = spawn(process.execPath, [main, ...words, "-c", join(folder, "goodmailto.toml")]);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  child.stdout.on("data", (chunk: Buffer) => (log += chunk.toString()));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  });
  return { child, log: () => log };
}

async function ready(running: Running): Promise<string> {
  await expect.poll(running.log, { timeout: 20_000 }).toContain("scim: ready");
  return `http://127.0.0.1:${/listen=127\.0\.0\.1:(\d+)/.exec(running.log())?.[1]}`;
}

const push = (base: string, userName: string, own = token): Promise<Response> =>
  fetch(`${base}/Users`, {
    method: "POST",
    headers: { authorization: `Bearer ${own}` },
    body: JSON.stringify({ userName }),
  });

async function run(folder: string, ...words: string[]): Promise<[number | null, string]> {
  const { child, log } = start(folder, ...words);
  await once(child, "close");
  return [child.exitCode, log()];
}

function place(): string {
  const folder = temporaryFolder();
  const config = `[domains]
relay = ["kontor.example"]
[snapshot]
path = "snapshot.sqlite"
[sync]
schedule = "0 0 1 1 *"
[scim]
listen = "127.0.0.1:0"
folder = "pushed"
token_file = "tokens"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:1"
[[source]]
name = "idp"
type = "scim"
url = "pushed"
`;
  writeFileSync(join(folder, "goodmailto.toml"), config);
  writeFileSync(join(folder, "tokens"), `# of the test\n${token}\n`, { mode: 0o600 });
  return folder;
}

describe("goodmailto scim", () => {
  it("keeps what it confirmed through a crash, and a joiner is published within 5 s", async () => {
    const folder = place();
    const first = start(folder, "scim");
    const base = await ready(first);
    const confirmed: string[] = [];
    const pushing = (async () => {
      for (let i = 0; i < 10_000; i += 1) {
        const answer = await push(base, `u${i}@kontor.example`).catch(() => undefined);
        if (answer?.status !== 201) {
          return;
        }
        confirmed.push(`u${i}@kontor.example`);
      }
    })();
    await expect.poll(() => confirmed.length, { timeout: 20_000 }).toBeGreaterThan(20);
    first.child.kill("SIGKILL");
    await pushing;
    const second = start(folder, "scim");
    const again = await ready(second);
    expect((await run(folder, "scim", "--complete"))[1]).toMatch(/^\d+ users and 0 groups are complete\./);
    expect(await run(folder, "sync")).toEqual([0, expect.stringContaining("published")]);
    const listed = async (address: string): Promise<boolean> => (await run(folder, "check", address))[0] === 0;
    expect(await listed("nobody@kontor.example")).toBe(false);
    expect(await listed(confirmed.at(-1) ?? "")).toBe(true);
    const cron = start(folder, "sync", "--cron");
    await expect.poll(cron.log, { timeout: 20_000 }).toContain("sync: scheduled");
    const from = performance.now();
    expect((await push(again, "joiner@kontor.example")).status).toBe(201);
    await expect.poll(cron.log, { timeout: 20_000, interval: 50 }).toContain("added new entries");
    const seconds = (performance.now() - from) / 1000;
    expect(await listed("joiner@kontor.example")).toBe(true);
    // The promise, on a machine that may be busy with other tests.
    expect(seconds).toBeLessThan(process.env["CI"] === "true" ? 10 : 15);
  }, 90_000);

  it("reads its tokens again at SIGHUP, and keeps the previous ones if they are wrong", async () => {
    const folder = place();
    const running = start(folder, "scim");
    const base = await ready(running);
    const hangUp = async (text: string, event: string): Promise<void> => {
      writeFileSync(join(folder, "tokens"), text);
      running.child.kill("SIGHUP");
      await expect.poll(running.log, { timeout: 10_000 }).toContain(event);
    };
    await hangUp("the-next-token-of-two\n", "scim: reloaded");
    expect((await push(base, "a@kontor.example")).status).toBe(401);
    expect((await push(base, "a@kontor.example", "the-next-token-of-two")).status).toBe(201);
    await hangUp("short\n", "reload failed, keeping the previous settings");
    expect((await push(base, "b@kontor.example", "the-next-token-of-two")).status).toBe(201);
    const config = readFileSync(join(folder, "goodmailto.toml"), "utf8");
    writeFileSync(join(folder, "goodmailto.toml"), config.replace("127.0.0.1:0", "127.0.0.1:1"));
    await hangUp(`${token}\n`, 'changed settings need a restart settings="[scim] listen"');
    running.child.kill("SIGTERM");
    expect(await once(running.child, "exit")).toEqual([0, null]);
  }, 60_000);

  it("says what is wrong with its settings, and nothing is complete before anybody was pushed", async () => {
    const broken = (from: string, to: string): string => {
      const folder = place();
      const file = join(folder, "goodmailto.toml");
      writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
      return folder;
    };
    const wanted = [
      [broken('token_file = "tokens"', ""), 78, "token_file is missing"],
      [broken('"tokens"', '"none"'), 78, 'none" cannot be read'],
      [broken("127.0.0.1:0", "*:0"), 78, "needs [scim] cert and key"],
      [broken("folder =", 'cert = "tokens"\nfolder ='), 78, "needs [scim] key too"],
    ] as const;
    for (const [folder, code, words] of wanted) {
      expect(await run(folder, "scim")).toEqual([code, expect.stringContaining(words)]);
    }
    expect(await run(place(), "scim", "--complete")).toEqual([69, expect.stringContaining("cannot open the store")]);
  }, 60_000);
});
