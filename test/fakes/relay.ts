/** Starts a relay in this process on loopback, in a folder of its own, with its log at hand. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { startRelay } from "../../src/compose/relay.ts";
import type { Relay } from "../../src/compose/relay.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { checkConfig } from "../../src/config/load.ts";
import type { Settings } from "../../src/config/sections.ts";
import { formatFault } from "../../src/config/toml.ts";
import { createLog } from "../../src/log/log.ts";
import { openSinks } from "../../src/log/sinks.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import type { Metrics } from "../../src/ops/metrics.ts";
import { publishSnapshot } from "./snapshot.ts";
import type { Wanted } from "./snapshot.ts";

/** What a test may say about its relay. */
export interface TestRelayOptions {
  /** TOML; `{folder}` is the relay's folder. Comes after the defaults below, so sections must not repeat. */
  readonly config: string;
  /** Rows of the snapshot; undefined: there is none. */
  readonly snapshot?: readonly Wanted[];
  /** Files to write into the folder first: name → text, text with a mode, or bytes as they are. */
  readonly files?: Readonly<Record<string, string | Buffer | { readonly text: string; readonly mode: number }>>;
  /** Another relay's, which stays; undefined: one of its own, which goes with it. */
  readonly folder?: string;
  /** How long its start waits for what next hops offer, in ms: see src/compose/lasting.ts; not given: 0. */
  readonly patience?: number;
}

/** A running relay with what tests look at. */
export interface TestRelay {
  readonly relay: Relay;
  readonly port: number;
  /** Ports of all listeners, in order. */
  readonly ports: readonly number[];
  readonly folder: string;
  readonly snapshotPath: string;
  readonly log: string[];
  readonly metrics: Metrics;
  /** As it was given. */
  readonly config: string;
  reload(config: string): void;
  /** As SIGHUP: the sinks of `[log]` are opened again. */
  hangup(): void;
  stop(): Promise<void>;
}

/** Sections that most tests want; used where the test's own text has no such section. */
const usual: Readonly<Record<string, string>> = {
  smtp: 'listen = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nshutdown_timeout = "2s"',
  domains: 'relay = ["kontor.example"]\naliases = { "kontor.test" = "kontor.example" }',
  snapshot: 'path = "snapshot.sqlite"',
};

/** Fills a test's TOML up with what it does not say. */
export function completeConfig(text: string): string {
  const missing = Object.entries(usual).filter(([name]) => !new RegExp(`^\\[${name}\\]`, "m").test(text));
  return `${missing.map(([name, body]) => `[${name}]\n${body}\n`).join("\n")}\n${text}`;
}

/** Settings from a test's TOML. @throws Error with all its errors */
export function settingsOf(text: string, folder: string): Settings {
  const complete = completeConfig(text.replaceAll("{folder}", folder));
  const loaded = checkConfig(complete, join(folder, "goodmailto.toml"), schemaFor, ["relay"]);
  if (loaded.kind === "faults") {
    throw new Error(loaded.faults.map(formatFault).join("\n"));
  }
  return loaded.settings;
}

/** Starts it. */
export async function startTestRelay(options: TestRelayOptions): Promise<TestRelay> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "goodmailto-relay-"));
  for (const [name, file] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    if (Buffer.isBuffer(file)) {
      writeFileSync(join(folder, name), file);
      continue;
    }
    const { text, mode } = typeof file === "string" ? { text: file, mode: 0o644 } : file;
    writeFileSync(join(folder, name), text.replaceAll("{folder}", folder), { mode });
  }
  const settings = settingsOf(options.config, folder);
  if (options.snapshot !== undefined) {
    await publishSnapshot(settings.snapshot.path, options.snapshot);
  }
  const log: string[] = [];
  const metrics = createMetrics();
  // What a test has put into [log] sinks, besides.
  const sinks = settings.log.sinks.filter((sink) => sink !== "stderr");
  const more = sinks.length === 0 ? undefined : openSinks(sinks, settings.log.rotate, Date.now);
  const write = (line: string, isUrgent: boolean): void => {
    log.push(line);
    more?.write(isUrgent ? "warning" : "info", line);
  };
  const relay = await startRelay(settings, createLog({ ...settings.log, write }), metrics, {
    patience: options.patience ?? 0,
  });
  const ports = relay.addresses.map((address) => Number(address.slice(address.lastIndexOf(":") + 1)));
  return {
    relay,
    port: ports[0] ?? 0,
    ports,
    folder,
    snapshotPath: settings.snapshot.path,
    log,
    metrics,
    config: options.config,
    hangup: () => more?.reopen(),
    reload: (config) => relay.reload(settingsOf(config, folder)),
    stop: async () => {
      await relay.stop();
      await more?.close();
      if (options.folder === undefined) {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}
