/** What a running relay is like now, as gauges; read at each request and no oftener. */
import type { StatsFs } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

import type { Settings } from "../config/sections.ts";
import { pemCertificates, readCertificate } from "../files/authorities.ts";
import type { HopState } from "../mail/courier.ts";
import type { Gauge } from "../ops/metrics.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import { within } from "../wait/within.ts";
import type { Lasting } from "./lasting.ts";
import { spoolPlaceOf } from "./limits.ts";
import { traceFolderOf } from "./record.ts";
import { reportPull } from "./pull-report.ts";
import { stateFolderOf } from "./state-place.ts";
import { syncGaugesBeside } from "./sync-gauges.ts";
import { kinds } from "../snapshot/format.ts";

/** What changes at a reload. */
export interface Parts {
  readonly settings: Settings;
  readonly hops: readonly HopState[];
  /** In PEM; undefined: there is none. */
  readonly certificate: string | undefined;
}

/** Next hops with gauges of their own: where mail goes by MX, their number is not the configuration's. */
const mostHops = 50;
/** How long a file system may take to answer, in ms. */
const diskTimeout = 500;

/** Never rejects. */
export async function readGauges({ snapshot, crowd, ledger, state }: Lasting, parts: Parts): Promise<Gauge[]> {
  const { settings, hops, certificate } = parts;
  return [
    { name: "memory_bytes", value: process.memoryUsage.rss() },
    { name: "sessions", value: crowd.size },
    { name: "blocked_networks", value: ledger.blocks().length },
    ...listGauges(snapshot, settings),
    { name: "state_available", value: state.isAvailable ? 1 : 0 },
    ...hops.slice(0, mostHops).flatMap(hopGauges),
    ...(certificate === undefined ? [] : certificateGauges(certificate)),
    ...(await diskGauges(settings)),
    ...syncGaugesBeside(settings, snapshot),
    ...pullGauges(settings),
  ];
}

/** None where nothing is pulled. */
function pullGauges(settings: Settings): Gauge[] {
  const pull = reportPull(settings);
  return pull === null ? [] : [{ name: "pull_failures", value: pull.denied ? Number.NaN : pull.failures }];
}

function listGauges({ state, image }: SnapshotReader, settings: Settings): Gauge[] {
  const isOpen = state.kind === "open";
  const age = isOpen ? (Date.now() - state.created) / 1000 : Number.NaN;
  return [
    { name: "snapshot_available", value: isOpen ? 1 : 0 },
    { name: "snapshot_alarm", value: isOpen && state.alarm === undefined ? 0 : 1 },
    { name: "snapshot_addresses", value: isOpen ? state.rows : 0 },
    { name: "snapshot_age_seconds", value: age },
    { name: "snapshot_stale", value: age * 1000 > settings.snapshot.max_age ? 1 : 0 },
    ...(image === undefined ? [] : rowGauges(image)),
    ...(isOpen ? state.sources.flatMap(sourceGauges) : []),
  ];
}

/** Every kind of every source: one that is lost entirely must show 0. */
function rowGauges({ sources, counts }: NonNullable<SnapshotReader["image"]>): Gauge[] {
  const all = countsOf(counts);
  return sources.flatMap(({ name: source }) =>
    kinds.map((kind): Gauge => {
      const value = all.find((row) => row.source === source && row.kind === kind)?.count ?? 0;
      return { name: "snapshot_rows", labels: { source, kind }, value };
    }),
  );
}

type ReadCounts = NonNullable<SnapshotReader["image"]>["counts"];

/** None if a row cannot be read: the lookups say so. */
function countsOf(read: ReadCounts): ReturnType<ReadCounts> {
  try {
    return read();
  } catch {
    return [];
  }
}

function sourceGauges({
  name: source,
  entries,
  readAt,
  fault,
}: {
  name: string;
  entries: number;
  readAt: number;
  fault: string;
}): Gauge[] {
  return [
    { name: "source_entries", labels: { source }, value: entries },
    { name: "source_read_timestamp_seconds", labels: { source }, value: readAt / 1000 },
    { name: "source_failed", labels: { source }, value: fault === "" ? 0 : 1 },
  ];
}

function hopGauges({ hop, connections, rests }: HopState): Gauge[] {
  return [
    { name: "hop_connections", labels: { hop }, value: connections },
    { name: "hop_down", labels: { hop }, value: rests === null ? 0 : 1 },
  ];
}

/** The end of the chain's first certificate to end. */
function certificateGauges(pem: string): Gauge[] {
  const ends = pemCertificates(pem).flatMap((one) => readCertificate(one)?.validToDate.getTime() ?? []);
  return ends.length === 0 ? [] : [{ name: "certificate_expiry_timestamp_seconds", value: Math.min(...ends) / 1000 }];
}

/** Questions that are not answered yet. One that hangs holds a thread of Node's pool: nobody asks it a second time. */
const asking = new Map<string, Promise<StatsFs>>();

function spaceOf(folder: string): Promise<StatsFs> {
  const answer = asking.get(folder) ?? statfs(folder).finally(() => asking.delete(folder));
  asking.set(folder, answer);
  return answer;
}

/** A place that is not there, or does not answer, has none. */
export async function diskGauges(settings: Settings): Promise<Gauge[]> {
  const places = {
    snapshot: dirname(settings.snapshot.path),
    state: stateFolderOf(settings),
    journal: settings.trace.keep === 0 ? "" : traceFolderOf(settings),
    spool: spoolPlaceOf(settings).folder,
  };
  const found = await Promise.all(
    Object.entries(places).map(async ([place, folder]): Promise<Gauge[]> => {
      const facts = folder === "" ? undefined : await within(spaceOf(folder), diskTimeout, "").catch(() => undefined);
      return facts === undefined
        ? []
        : [
            { name: "disk_free_bytes", labels: { place }, value: facts.bavail * facts.bsize },
            { name: "disk_size_bytes", labels: { place }, value: facts.blocks * facts.bsize },
          ];
    }),
  );
  return found.flat();
}
