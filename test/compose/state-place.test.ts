/** `[state]` without a place: a relay that does not start, and workers that would count alone. */
import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";

import { deepFaults } from "../../src/compose/deep-check.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { requirePlace, stateFaults } from "../../src/compose/state-place.ts";
import { warningsOf } from "../../src/compose/warnings.ts";
import { checkConfig } from "../../src/config/load.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { skipped } from "../fakes/need.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-state-place-"));
afterAll(() => rmSync(folder, { recursive: true }));

function load(text: string) {
  const base = '[domains]\nrelay = ["kontor.example"]\n[[route]]\ndomain = "*"\nnext_hop = "smtp://192.0.2.25:25"\n';
  const loaded = checkConfig(`${base}${text}`, join(folder, "c.toml"), schemaFor, []);
  if (loaded.kind !== "ok") {
    throw new Error(JSON.stringify(loaded.faults));
  }
  return loaded;
}

/** Those about the state, as "key: message". */
function warnings(text: string): string[] {
  return warningsOf(load(text), ["relay"])
    .map(({ key, message }) => `${key}: ${message}`)
    .filter((line) => /^(?:state\.store|smtp\.workers): /.test(line));
}

const hasSystemd = lstatSync("/run/systemd/system", { throwIfNoEntry: false }) !== undefined;
const hasUnit = lstatSync("/var/lib/goodmailto-relay", { throwIfNoEntry: false }) !== undefined;

describe.skipIf(hasUnit && skipped("the relay's unit is installed here"))("[state] without a folder", () => {
  const before = process.env["STATE_DIRECTORY"];
  beforeEach(() => void delete process.env["STATE_DIRECTORY"]);
  afterEach(() => {
    delete process.env["STATE_DIRECTORY"];
    if (before !== undefined) {
      process.env["STATE_DIRECTORY"] = before;
    }
  });

  it("and sqlite asked for is an error where no systemd can name one, else a warning; the relay does not start", async () => {
    const text = '[state]\nstore = "sqlite"\n';
    const said = 'needs [state] folder: "sqlite" has no place without one';
    const loaded = load(text);
    const message = expect.stringContaining(said);
    expect(stateFaults(loaded.settings, false)).toEqual([{ path: ["state", "store"], message }]);
    expect(stateFaults(loaded.settings, true)).toEqual([]);
    const certain = await deepFaults(join(folder, "c.toml"), loaded);
    expect([...certain, ...warnings(text)]).toEqual([message]);
    expect(certain.length).toBe(hasSystemd ? 0 : 1);
    expect(() => requirePlace(load(text).settings)).toThrow(`[state] store: ${said}`);
    await expect(startTestRelay({ config: text })).rejects.toThrow(said);
    process.env["STATE_DIRECTORY"] = folder;
    expect(warnings(text)).toEqual([]);
    expect(stateFaults(load(text).settings, false)).toEqual([]);
    expect(() => requirePlace(load(text).settings)).not.toThrow();
  });

  it("is a reload that changes nothing", async () => {
    const relay = await startTestRelay({ config: "" });
    expect(() => relay.reload('[state]\nstore = "sqlite"')).toThrow("needs [state] folder");
    await relay.stop();
  });

  it("makes workers count alone: what of that is configured is named", () => {
    const two = "[smtp]\nworkers = 2\n";
    expect(warnings(two)).toEqual([
      "smtp.workers: each of 2 workers counts alone: connections, unknown recipients; write [state] folder, or the URL of a Redis in store",
    ]);
    const all = `${two}[limits]\nconnection_rate = "10/60s"\nharvest_client_limit = 0\nharvest_block = "0s"
[[listener]]\nname = "submission"\nlisten = ["127.0.0.1:0"]\nauth = true\nchecks = ["blacklist"]
[auth]\npasswords = "passwords"\n[tls]\ncert = "c"\nkey = "k"
[checks]\nrun = ["greylisting:slow", "goodmailto"]\n[[checks.greylisting]]\nname = "slow"
[state]\nstore = "memory"\n`;
    expect(warnings(all)).toEqual([
      'smtp.workers: each of 2 workers counts alone: connections, connection_rate, login failures, what blacklist remembers, what greylisting:slow remembers; write [state] store = "sqlite" and folder, or the URL of a Redis in store',
    ]);
  });

  it("is no matter for one worker, with a folder, or with a Redis", () => {
    const two = "[smtp]\nworkers = 2\n";
    expect(warnings("[smtp]\nworkers = 1\n")).toEqual([]);
    expect(warnings(`${two}[state]\nfolder = "${folder}"\n`)).toEqual([]);
    expect(warnings(`${two}[state]\nstore = "redis://127.0.0.1:6379"\n`)).toEqual([]);
    process.env["STATE_DIRECTORY"] = folder;
    expect(warnings(two)).toEqual([]);
  });
});
