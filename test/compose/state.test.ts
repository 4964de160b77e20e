/** What checks remember where the relay's settings change the place of its state. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { Guard } from "../../src/auth/guard.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { RelayState } from "../../src/compose/state.ts";
import { checkConfig } from "../../src/config/load.ts";
import type { Settings } from "../../src/config/sections.ts";
import { silentLog } from "../../src/report/log.ts";
import { createConnectionCounts } from "../../src/smtp/connection-rate.ts";
import { HarvestLedger } from "../../src/smtp/harvest/ledger.ts";
import { Crowd } from "../../src/smtp/listener/crowd.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-relay-state-"));
afterAll(() => rmSync(folder, { recursive: true }));

function settings(state: string): Settings {
  const loaded = checkConfig(`[state]\n${state}\n`, join(folder, "c.toml"), schemaFor, []);
  if (loaded.kind !== "ok") {
    throw new Error(JSON.stringify(loaded.faults));
  }
  return loaded.settings;
}

it("keeps a check's table at work where the place of the state changes under it, and back", async () => {
  const memory = settings('store = "memory"');
  const file = settings(`store = "sqlite"\nfolder = "${folder}"`);
  const counting = {
    guard: new Guard(),
    ledger: new HarvestLedger(),
    crowd: new Crowd(),
    connections: createConnectionCounts(),
  };
  const state = new RelayState(memory, counting, silentLog, false);
  const table = state.table<string>("made-up", { ttl: 60_000, most: 10 });
  for (const [place, row] of [
    [memory, "in memory"],
    [file, "in a file"],
    [memory, "in memory again"],
  ] as const) {
    state.change(place);
    await state.opening;
    expect(await table.put("key", row)).toEqual({ kind: "done" });
    expect(await table.get("key")).toEqual({ kind: "found", row });
  }
  await state.close();
});
