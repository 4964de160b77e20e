/**
 * Spans as OTLP has them in JSON (opentelemetry-proto 1.x, trace.proto). Ids are hashes of the ids of session and
 * message, so that a part can name its parent without knowing it, and all parts of a session are kept or left out alike.
 */
import { createHash } from "node:crypto";

import type { Span } from "../report/span.ts";

/** How spans are made. */
export interface SpanOptions {
  /** Share of the sessions that are traced, 0 to 1. */
  readonly share: number;
  /** What stands in place of an address. */
  readonly keyed: (address: string) => string;
  /** Makes the ids of this process others than those of the next one. */
  readonly salt: string;
}

/** One attribute. */
interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

/** A span on the wire. Times are ns since 1970. */
export interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** SpanKind: 1 internal, 2 server, 3 client. */
  readonly kind: 1 | 2 | 3;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  /** 2: error. */
  readonly status: { readonly code?: 2 };
}

const spanKinds = { session: 2, message: 1, rcpt: 1, check: 1, hop: 3 } as const;
/** A longer text, such as the name that a client greets with, is cut. */
const mostText = 512;

/** The span; undefined if its session is not among those that are traced. @param now ms since 1970 */
export function wireSpan(span: Span, now: number, { share, keyed, salt }: SpanOptions): WireSpan | undefined {
  const { kind, session, ref, ms, failed = false } = span;
  const traceId = idOf(salt, session).slice(0, 32);
  if (Number.parseInt(traceId.slice(0, 8), 16) >= share * 2 ** 32) {
    return undefined;
  }
  const parent = kind === "session" ? undefined : kind === "message" ? session : ref;
  const addresses = Object.entries(span.addresses ?? {}).map(([key, address]) => [key, keyed(address)] as const);
  return {
    traceId,
    spanId: kind === "session" || kind === "message" ? spanIdOf(salt, ref) : spanIdOf(salt, `${ref} ${nextPart()}`),
    ...(parent === undefined ? {} : { parentSpanId: spanIdOf(salt, parent) }),
    name: span.name,
    kind: spanKinds[kind],
    startTimeUnixNano: nanoseconds(now - ms),
    endTimeUnixNano: nanoseconds(now),
    attributes: attributesOf([...Object.entries({ session, ref, ...span.facts }), ...addresses]),
    status: failed ? { code: 2 } : {},
  };
}

let parts = 0;

function nextPart(): number {
  return ++parts;
}

function idOf(salt: string, id: string): string {
  return createHash("sha256").update(`${salt} ${id}`).digest("hex");
}

/** Never that of a trace: those are the first 32 digits. */
function spanIdOf(salt: string, id: string): string {
  return idOf(salt, id).slice(32, 48);
}

/** To a microsecond, which is all that a number holds. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms * 1000)}000`;
}

/** @param facts by name, with or without a namespace of their own */
export function attributesOf(facts: readonly (readonly [string, string | number | undefined])[]): Attribute[] {
  return facts.flatMap(([name, value]): Attribute[] => {
    const key = name.includes(".") ? name : `goodmailto.${name}`;
    return value === undefined || value === ""
      ? []
      : typeof value === "number"
        ? [{ key, value: { intValue: String(Math.round(value)) } }]
        : [{ key, value: { stringValue: value.slice(0, mostText).toWellFormed() } }];
  });
}
