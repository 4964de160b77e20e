/** The parts of the demo, in the order in which they start: directory, next hop, configuration, one sync, relay. */
import { randomBytes } from "node:crypto";
import { createReadStream, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import { runSync } from "../../sync/run/full.ts";
import type { JobFacts } from "../../sync/run/full.ts";
import { parseLdif } from "../../sync/sources/ldif-parser.ts";
import { openSource } from "../../sync/sources/open.ts";
import { takesCatchAlls } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { findPort } from "../demo/find-port.ts";
import { startDirectory } from "../demo/directory.ts";
import type { Directory } from "../demo/directory.ts";
import type { DirectoryEntry } from "../demo/entries.ts";
import { startNextHop } from "../demo/next-hop.ts";
import type { ReceivedMessage } from "../demo/next-hop.ts";
import { demoConfig, fileNames, reader } from "../demo/settings.ts";
import { createDomains } from "../mail/domains.ts";
import { noCounters } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import { startRelay } from "./relay.ts";
import { loadSettings } from "./settings.ts";
import { version } from "../ops/version.ts";

const ldif = resolve(import.meta.dirname, "../../config/demo/directory.ldif");
/** One sync of three dozen entries; it takes less than a second. */
const syncDeadline = 10_000;

/** What a demo needs to know. */
export interface DemoOptions {
  /** Everything it writes is in here; the folder is emptied first. */
  readonly folder: string;
  /** Of the relay; 0 is any free one. */
  readonly port: number;
  readonly log: Log;
  readonly received: (message: ReceivedMessage) => void;
}

/** A running demo. */
export interface Demo {
  readonly port: number;
  readonly config: string;
  readonly snapshot: string;
  readonly directoryUrl: string;
  readonly entries: number;
  readonly addresses: number;
  close(): Promise<void>;
}

/**
 * Starts all parts. What was started is closed again if a later part fails.
 * @throws Error with code EADDRINUSE if the port is taken
 */
export async function startDemo({ folder, port: wanted, log, received }: DemoOptions): Promise<Demo> {
  // Before anything is written: the folder may be that of a demo which runs at this port.
  const port = await findPort(wanted);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const started: { close(): Promise<void> }[] = [];
  const keep = <Part extends { close(): Promise<void> }>(part: Part): Part => {
    started.unshift(part);
    return part;
  };
  const close = async (): Promise<void> => {
    for (const part of started.splice(0)) {
      await part.close();
    }
  };
  try {
    const password = randomBytes(16).toString("hex");
    writeFileSync(join(folder, fileNames.password), `${password}\n`, { mode: 0o600 });
    const directory: Directory = keep(await startDirectory(await readEntries(), { bindDn: reader, password }));
    const nextHop = keep(await startNextHop({ received }));
    const config = join(folder, fileNames.config);
    writeFileSync(config, demoConfig({ port, directoryUrl: directory.url, nextHopPort: nextHop.port }));
    const { settings, facts } = await syncOnce(config, log);
    const relay = await startRelay(settings, log, noCounters);
    keep({ close: () => relay.stop() });
    const { entries, addresses } = facts;
    return { port, config, snapshot: settings.snapshot.path, directoryUrl: directory.url, entries, addresses, close };
  } catch (fault) {
    await close();
    throw fault;
  }
}

async function readEntries(): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  for await (const entry of parseLdif(createReadStream(ldif, "utf8"), ldif)) {
    entries.push(entry);
  }
  return entries;
}

/**
 * One sync through the ordinary code, as `goodmailto sync` does it.
 * @throws Error if nothing was published
 */
export async function syncOnce(config: string, log: Log): Promise<{ settings: Settings; facts: JobFacts }> {
  const settings = loadSettings(config, ["relay", "sync"]);
  if (settings === undefined) {
    throw new Error(`Cannot use "${config}"`);
  }
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const takesCatchAll = takesCatchAlls(settings);
  const outcome = await runSync({
    sources: settings.source.map((source) => openSource(source, domains, dirname(config), { takesCatchAll })),
    settings: settings.sync,
    path: settings.snapshot.path,
    log,
    signal: AbortSignal.timeout(syncDeadline),
    now: Date.now,
    version,
  });
  if (outcome.kind !== "published") {
    throw new Error(`Cannot publish a snapshot: ${outcome.kind}`);
  }
  return { settings, facts: outcome.facts };
}
