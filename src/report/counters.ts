/** What a part counts; src/ops/metrics.ts keeps it. Names and labels are fixed words, never a client's. */

/** Adds one (or more) to a counter. */
export interface Counters {
  add(name: CounterName, labels?: Readonly<Record<string, string>>, by?: number): void;
  /** Adds one value to a distribution. */
  observe(name: HistogramName, value: number): void;
}

/** Every distribution there is; exported as `goodmailto_NAME`, with the upper bounds of its buckets. */
export const histograms = {
  session_seconds: { doc: "Duration of sessions.", bounds: [0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800] },
} as const;
export type HistogramName = keyof typeof histograms;

// Object.keys forgets them.
export const histogramNames = Object.keys(histograms) as HistogramName[];

/** Every counter there is; exported as `goodmailto_NAME_total`. */
export const counterNames = {
  connections: "Connections by result.",
  recipients: "RCPT answers by check and verdict.",
  messages: "Messages by the code they were answered.",
  failed_open: "Recipients accepted because there was no snapshot.",
  refusals: "Refusals by check and reason.",
  check_faults: "Internal errors in checks, by check; each counts as pass.",
  session_faults: "Internal errors in sessions; each was answered 421.",
  hop_replies: "Answers of next hops by code.",
  copies: "Copies of messages by result: delivered, failed.",
  limits: "Sessions ended by a limit, by limit.",
  lookups: "Answers to other mail servers by protocol and verdict.",
  lookup_connections: "Connections of other mail servers by protocol and result: accepted, refused.",
  lookup_faults: "Connections of other mail servers that were closed, or questions that had no answer, by reason.",
  trace_lost: "Events that the journal lost: too many at a time, or its file could not be written.",
  logins: "AUTH answers by result: accepted, refused, blocked, unavailable.",
} as const;
export type CounterName = keyof typeof counterNames;

/** What ends a session or a message early; the label of `limits`, and the word of the log line. */
export const limitNames = [
  "bare line feeds",
  "connections",
  "connections per client",
  "connection rate",
  "descriptors",
  "early talker",
  "commands",
  "junk",
  "unrecognised",
  "not SMTP",
  "errors",
  "auth failures",
  "idle timeout",
  "session time",
  "message size",
  "harvest",
  "harvest block",
] as const;
export type LimitName = (typeof limitNames)[number];

/** How other mail servers ask: `[[lookup]] protocol`. */
export const lookupProtocols = ["socketmap", "policy", "tcp", "milter", "exim", "qd1", "http"] as const;
export type LookupProtocol = (typeof lookupProtocols)[number];

/** What they may be told: src/lookup/verdict.ts. */
export const verdictKinds = [
  "known",
  "no-snapshot",
  "unknown",
  "restricted",
  "refused",
  "later",
  "blocked",
  "foreign",
] as const;

/** Why one of them was not answered. */
export const lookupFaults = [
  "too many connections",
  "not a question of this protocol",
  "question too long",
  "question or answer not taken in time",
  "internal error",
] as const;
export type LookupFault = (typeof lookupFaults)[number];

/** A check, as far as it is counted. */
export interface CountedCheck {
  readonly name: string;
  readonly reasons: Readonly<Record<string, string>>;
}

/**
 * Every series that is there with 0 before anything was counted: `increase()` does not see the first step of one that
 * appears with 1. Of reply codes only the usual ones.
 * @param all the checks that may answer a recipient
 */
export function seriesFromStart(
  all: readonly CountedCheck[],
): readonly (readonly [CounterName, Readonly<Record<string, string>>?])[] {
  const checks = all.map(({ name }) => name);
  const labelled = (name: CounterName, key: string, values: readonly string[]) =>
    values.map((value) => [name, { [key]: value }] as const);
  return [
    ...labelled("connections", "result", ["accepted", "denied"]),
    ...["accepted", "refused"].flatMap((verdict) => checks.map((check) => ["recipients", { check, verdict }] as const)),
    ...labelled("messages", "code", ["250", "421", "451", "550", "552", "554"]),
    ["failed_open"],
    ...all.flatMap(({ name, reasons }) =>
      Object.keys(reasons).map((reason) => ["refusals", { reason, check: name }] as const),
    ),
    ...labelled("check_faults", "check", checks),
    ["session_faults"],
    ["trace_lost"],
    ...labelled("hop_replies", "code", ["250", "421", "450", "451", "550", "554", "none"]),
    ...labelled("copies", "result", ["delivered", "failed"]),
    ...labelled("limits", "limit", limitNames),
    ...lookupProtocols.flatMap((protocol) =>
      verdictKinds.map((verdict) => ["lookups", { verdict, protocol }] as const),
    ),
    ...lookupProtocols.flatMap((protocol) =>
      ["accepted", "refused"].map((result) => ["lookup_connections", { result, protocol }] as const),
    ),
    ...labelled("lookup_faults", "why", lookupFaults),
    ...labelled("logins", "result", ["accepted", "refused", "blocked", "unavailable"]),
  ];
}

/**
 * Label objects of one key, each made once: whoever counts on the way to a reply passes the same object each time,
 * and no text is made. The values must be bounded, as reply codes are.
 * @param fixed labels that all of them have
 */
export function labelsBy(
  key: string,
  fixed: Readonly<Record<string, string>> = {},
): (value: string | number) => Readonly<Record<string, string>> {
  const made = new Map<string | number, Readonly<Record<string, string>>>();
  return function labelsOf(value) {
    let labels = made.get(value);
    if (labels === undefined) {
      labels = { [key]: String(value), ...fixed };
      made.set(value, labels);
    }
    return labels;
  };
}

/** Counts nothing. */
export const noCounters: Counters = { add() {}, observe() {} };
