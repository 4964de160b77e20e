/** What a part counts; src/ops/metrics.ts keeps it. Names and labels are fixed words, never a client's. */

import type { CounterName, HistogramName } from "./metric-names.ts";
import { droppedReason, hopReasons, serverReasons } from "./refusal-reasons.ts";
import type { Tracer } from "./span.ts";

/** Labels of one series: names and values. */
export type Labels = Readonly<Record<string, string>>;

/** Adds one (or more) to a counter. */
export interface Counters {
  add(name: CounterName, labels?: Labels, by?: number): void;
  /** Adds one value to a distribution. */
  observe(name: HistogramName, value: number, labels?: Labels): void;
  /** What they have come to, by `name{labels}`; not given: nobody keeps it. */
  totals?(): Readonly<Record<string, number>>;
  /** Undefined: no traces are wanted. */
  readonly tracer?: Tracer;
}

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

/** What refuses beside checks: the server under its own name, and the next hop. */
const refusalsOfNoCheck: readonly Labels[] = [
  ...[...new Set([...serverReasons, ...limitNames, droppedReason])].map((reason) => ({ reason, check: "goodmailto" })),
  ...hopReasons.map((reason) => ({ reason, check: "hop" })),
];

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
export function seriesFromStart(all: readonly CountedCheck[]): readonly (readonly [CounterName, Labels?])[] {
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
    ...refusalsOfNoCheck.map((labels) => ["refusals", labels] as const),
    ...labelled("check_faults", "check", checks),
    ["session_faults"],
    ["trace_lost"],
    ["spans_lost"],
    ["worker_restarts"],
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
export function labelsBy(key: string, fixed: Labels = {}): (value: string | number) => Labels {
  const made = new Map<string | number, Labels>();
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
