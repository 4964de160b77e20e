/** `goodmailto … | head -1`: every verb ends quietly when nobody reads on. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { addresses, listSource, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { freePort } from "../fakes/free-port.ts";
import { main } from "../program.ts";

const lines = addresses(3000);

/** A folder with a configuration, two lists and what else a verb may ask for. */
async function place(): Promise<{ folder: string; config: string }> {
  const folder = temporaryFolder();
  const config = join(folder, "c.toml");
  writeFileSync(join(folder, "list"), `${lines.join("\n")}\n`);
  writeFileSync(
    config,
    `[smtp]\nlisten = ["127.0.0.1:${await freePort()}"]\n[domains]\nrelay = ["kontor.example"]\n` +
      '[snapshot]\npath = "snapshot.sqlite"\n[[source]]\nname = "list"\ntype = "list"\nurl = ["list"]\n' +
      '[recipients]\nobserve_file = "observed"\n',
  );
  const path = join(folder, "snapshot.sqlite");
  await publish(path, [listSource("list", lines.slice(1))]);
  await publish(path, [listSource("list", lines)]);
  return { folder, config };
}

/** The verbs of `goodmailto --help`. */
function verbs(): string[] {
  const { stdout } = spawnSync(process.execPath, [main, "--help"], { encoding: "utf8" });
  return [...stdout.matchAll(/^ {2}([a-z]+)(?= |$)/gm)].flatMap(([, verb = ""]) => (verb === "help" ? [] : [verb]));
}

/** Runs a verb whose output has lost its reader before the first byte, as in `… | head -0`. */
async function runUnread(words: readonly string[], cwd: string): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [main, ...words], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const deadline = setTimeout(() => child.kill("SIGKILL"), 25_000);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(deadline);
  return { code, stderr };
}

const noFault = /EPIPE|Unhandled|node:|at .*\.ts/;

describe("output that nobody reads", { timeout: 240_000 }, () => {
  it("lets every verb end with the exit code that it has with a reader", async () => {
    const { folder, config } = await place();
    const runs: readonly (readonly [code: number, ...words: string[]])[] = [
      [0, "export", "--format", "postfix", "-c", config],
      [0, "config", "print", "-c", config],
      [0, "config", "check", "-c", config],
      [0, "checks"],
      [1, "check", ...lines.slice(0, 500), "nobody@kontor.example", "-c", config],
      [1, "status", "-c", config],
      [0, "history", "-c", config],
      [1, "diff", join(folder, "snapshot.sqlite.1"), join(folder, "snapshot.sqlite"), "-c", config],
      [0, "explain", lines[0] ?? "", "-c", config],
      [0, "probe", "-c", config],
      [0, "sync", "--dry-run", "-c", config],
      [78, "publish", "-c", config],
      [69, "observe", "report", "-c", config],
      [0, "rollback", "1", "--reason", "x", "-c", config],
    ];
    const tried = new Set(runs.map(([, verb]) => verb));
    const helps = verbs().flatMap((verb) => (tried.has(verb) ? [] : [[0, verb, "--help"] as const]));
    expect(runs.length + helps.length).toBeGreaterThan(20);
    for (const [expected, ...words] of [...runs, ...helps]) {
      const { code, stderr } = await runUnread(words, folder);
      expect.soft([words[0], code, noFault.test(stderr) ? stderr : ""]).toEqual([words[0], expected, ""]);
    }
  });

  it("stops the demo, which nobody would stop", async () => {
    const { code, stderr } = await runUnread(["demo", "--port", String(await freePort())], "/");
    expect(code).toBe(0);
    expect(stderr).not.toMatch(noFault);
  });

  it("is told where the output goes to a full disk", () => {
    const full = openSync("/dev/full", "w");
    const { status, stderr } = spawnSync(process.execPath, [main, "config", "sample"], {
      encoding: "utf8",
      stdio: ["ignore", full, "pipe"],
    });
    closeSync(full);
    expect({ status, stderr }).toEqual({
      status: 75,
      stderr: expect.stringMatching(/^goodmailto: cannot write the output: ENOSPC/),
    });
  });
});
