/** A real curl, which asks by HTTP on one connection: whatever the relay answers, it is told the same. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { lists, sender } from "./addresses.ts";
import { clientAddress, compare, startAskedRelay } from "./servers.ts";
import type { AskedRelay } from "./servers.ts";

const run = promisify(execFile);

describe.skipIf(missing("curl"))("a real curl that asks goodmailto", () => {
  let asked: AskedRelay;
  const folder = mkdtempSync(join(tmpdir(), "gmto-curl-"));
  beforeAll(async () => {
    asked = await startAskedRelay(["http"]);
  });
  afterAll(async () => {
    await asked?.relay.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** One curl asks for all of them, on a connection that is kept. */
  async function ask(addresses: readonly string[]): Promise<string[]> {
    const base = `http://127.0.0.1:${asked.portOf("http")}/v1/recipient`;
    const query = `client=${clientAddress}&sender=${encodeURIComponent(sender)}`;
    const lines = addresses.map((address) => `url = "${base}/${encodeURIComponent(address)}?${query}"\n`);
    const file = join(folder, "urls");
    writeFileSync(file, lines.join(""));
    const words = ["-q", "-s", "-S", "-f", "--globoff", "--max-time", "20", "-w", "%{stderr}%{num_connects}\n"];
    const { stdout, stderr } = await run("curl", [...words, "-K", file], { timeout: 3_000_000, maxBuffer: 1e9 });
    const connections = stderr.trim().split("\n").map(Number);
    expect(connections.reduce((sum, each) => sum + each, 0)).toBe(1);
    const said = stdout.trimEnd().split("\n");
    return said.map((line) => (JSON.parse(line) as { reply: string }).reply);
  }

  it.each(lists)("hears of random addresses what the relay answers over a list %s", async (_, rows) => {
    await asked.use(rows);
    const { wrong, classes } = await compare(asked.relay.port, ask);
    expect(wrong).toEqual([]);
    expect(classes["2"]).toBeGreaterThan(20);
  });
});
