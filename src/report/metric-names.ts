/**
 * Every metric there is: the one home of names, labels and meanings. The page for Prometheus, the table of
 * docs/monitoring.md, and the test that compares a running relay with both, are made from it. A name that was released
 * stays: dashboards and alerts of others hold it.
 */

/** What is said of each. */
export interface MetricFacts {
  readonly doc: string;
  /** Names of its labels; each has values from a closed list, or from the configuration. */
  readonly labels?: readonly string[];
}

/** Every counter there is; exported as `goodmailto_NAME_total`. */
export const counterNames = {
  connections: { doc: "Connections by result: accepted, denied.", labels: ["result"] },
  recipients: {
    doc: "Replies to RCPT by the check that decided and the verdict: accepted, refused.",
    labels: ["check", "verdict"],
  },
  messages: { doc: "Messages by the code of their reply.", labels: ["code"] },
  failed_open: { doc: "Recipients accepted because there was no snapshot." },
  refusals: {
    doc: "Refusals by check and reason: replies of 400 and more, and clients dropped without one.",
    labels: ["check", "reason"],
  },
  check_faults: { doc: "Internal errors in checks, by check; each counts as pass.", labels: ["check"] },
  session_faults: { doc: "Internal errors in sessions; each was answered 421." },
  hop_replies: { doc: "Replies of next hops by code; none: no reply came.", labels: ["code"] },
  copies: { doc: "Copies of messages by [[copy]], by result: delivered, failed.", labels: ["result"] },
  limits: { doc: "Sessions and messages ended by a limit, by limit.", labels: ["limit"] },
  lookups: { doc: "Answers to other mail servers by protocol and verdict.", labels: ["protocol", "verdict"] },
  lookup_connections: {
    doc: "Connections of other mail servers by protocol and result: accepted, refused.",
    labels: ["protocol", "result"],
  },
  lookup_faults: {
    doc: "Connections of other mail servers that were closed, and questions without an answer, by reason.",
    labels: ["why"],
  },
  trace_lost: { doc: "Events that the journal lost: too many at a time, or its file could not be written." },
  spans_lost: { doc: "Spans that the collector of [trace] otlp did not get." },
  logins: { doc: "Replies to AUTH by result: accepted, refused, blocked, unavailable.", labels: ["result"] },
  worker_restarts: { doc: "Workers that ended unexpectedly and were started again." },
} as const satisfies Readonly<Record<string, MetricFacts>>;
export type CounterName = keyof typeof counterNames;

/** Bounds of what a client waits for, in seconds. */
const waits = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300] as const;

/** Every distribution there is; exported as `goodmailto_NAME`, with the upper bounds of its buckets. */
export const histograms = {
  session_seconds: { doc: "Duration of sessions.", labels: [], bounds: [0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800] },
  rcpt_seconds: {
    doc: "Time from RCPT to its reply, the next hop's share included.",
    labels: [],
    bounds: waits,
  },
  message_seconds: { doc: "Time from the final dot of a message to its reply.", labels: [], bounds: waits },
  hop_seconds: {
    doc: "Time until a next hop replied, by command: RCPT (the first one with the connection and MAIL), DATA, final dot.",
    labels: ["command"],
    bounds: waits,
  },
  check_seconds: {
    doc: "Time that a session waited for a check, by check; an answer that was there at once is not counted.",
    labels: ["check"],
    bounds: waits,
  },
} as const satisfies Readonly<Record<string, MetricFacts & { readonly bounds: readonly number[] }>>;
export type HistogramName = keyof typeof histograms;

/** How the values of several workers become one: added, or the least or the largest of them. */
export type Join = "sum" | "least" | "most";

/** What is now; exported as `goodmailto_NAME`. */
export const relayGauges = {
  build_info: { doc: "Always 1; the version and the Node that run are in the labels.", labels: ["version", "node"] },
  start_time_seconds: { doc: "When the relay was started, in seconds since 1970.", join: "least" },
  workers: { doc: "Processes that relay and answer." },
  memory_bytes: { doc: "Resident memory of all processes that relay.", join: "sum" },
  sessions: { doc: "Sessions open now.", join: "sum" },
  blocked_networks: { doc: "Client networks blocked for harvesting." },
  snapshot_available: { doc: "1 while a snapshot is in use, 0 while the relay fails open.", join: "least" },
  snapshot_alarm: { doc: "1 while the snapshot file is invalid or lookups fail." },
  snapshot_addresses: { doc: "Keys in the snapshot." },
  snapshot_age_seconds: { doc: "Age of the snapshot." },
  snapshot_stale: { doc: "1 while the snapshot is older than max_age." },
  snapshot_rows: { doc: "Keys in the snapshot by source and kind.", labels: ["source", "kind"] },
  source_entries: { doc: "Entries that the last complete read of a source gave.", labels: ["source"] },
  source_read_timestamp_seconds: { doc: "Last complete read of a source, in seconds since 1970.", labels: ["source"] },
  source_failed: {
    doc: "1 if the last try to read a source failed: its previous addresses are kept.",
    labels: ["source"],
  },
  state_available: { doc: "0 while the store of [state], or a table in it, does not answer.", join: "least" },
  hop_connections: { doc: "Open connections to a next hop.", labels: ["hop"], join: "sum" },
  hop_down: { doc: "1 while a next hop is not tried, because it could not be reached a moment ago.", labels: ["hop"] },
  certificate_expiry_timestamp_seconds: { doc: "End of the certificate of [tls], in seconds since 1970." },
  disk_free_bytes: {
    doc: "Space that the relay may use where it keeps something: snapshot, state, journal, spool.",
    labels: ["place"],
  },
  disk_size_bytes: { doc: "Size of that file system.", labels: ["place"] },
} as const satisfies Readonly<Record<string, MetricFacts & { readonly join?: Join }>>;

/** What a sync leaves behind: in the textfile, and in the relay's page where it can read the files of the sync. */
export const syncGauges = {
  sync_last_success_timestamp_seconds: {
    doc: "Last run that read every source and published to every target, in seconds since 1970.",
  },
  sync_last_run_timestamp_seconds: { doc: "End of the last run, in seconds since 1970." },
  sync_duration_seconds: { doc: "Duration of the last run that made a list." },
  sync_entries: { doc: "Entries read by the last run that made a list." },
  sync_failures: { doc: "Consecutive runs that were not complete." },
  sync_refused: {
    doc: "1 if the last run did not publish because of a guard: list (sizes, canaries), traffic (recipients who get mail).",
    labels: ["guard"],
  },
  sync_held: { doc: "1 while a list that a person went back to is on hold." },
  sync_unpushed_targets: { doc: "[[publish]] targets that lack the list in use." },
} as const satisfies Readonly<Record<string, MetricFacts>>;

/** What `goodmailto pull` leaves behind, in the relay's page. */
const pullGauges = {
  pull_failures: { doc: "Consecutive pulls that failed or whose snapshot was refused; 0 where they succeed." },
} as const satisfies Readonly<Record<string, MetricFacts>>;

/** Every gauge. */
export const gauges: Readonly<Record<GaugeName, MetricFacts & { readonly join?: Join }>> = {
  ...relayGauges,
  ...syncGauges,
  ...pullGauges,
};
export type SyncGaugeName = keyof typeof syncGauges;
export type GaugeName = keyof typeof relayGauges | SyncGaugeName | keyof typeof pullGauges;

/** One metric, as it is exported. */
export interface Metric {
  /** As Prometheus has it; of a histogram without `_bucket`. */
  readonly name: string;
  readonly type: "counter" | "histogram" | "gauge";
  readonly labels: readonly string[];
  readonly doc: string;
}

/** The registry: every metric, in the order of the page. */
export const metricList: readonly Metric[] = [
  ...listed("counter", counterNames, "_total"),
  ...listed("histogram", histograms, ""),
  ...listed("gauge", gauges, ""),
];

function listed(type: Metric["type"], all: Readonly<Record<string, MetricFacts>>, suffix: string): Metric[] {
  return Object.entries(all).map(([name, { doc, labels = [] }]) => ({
    name: `goodmailto_${name}${suffix}`,
    type,
    labels,
    doc,
  }));
}
