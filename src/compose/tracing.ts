/** `[trace] otlp` into counters that also trace. */
import type { Settings } from "../config/sections.ts";
import type { Counters } from "../report/counters.ts";
import type { Log } from "../report/log.ts";
import { addressKey } from "../trace/keyed-event.ts";
import { version } from "../ops/version.ts";
import { traceSecretOf } from "./record.ts";

/** Counters, and what to call when the relay has ended. */
export interface Traced {
  readonly counters: Counters;
  close(): Promise<void>;
}

/** The counters as they are where no traces are wanted. @throws FileFault without the secret that keyed addresses need */
export async function withTracer(settings: Settings, log: Log, counters: Counters): Promise<Traced> {
  const { otlp, otlp_sessions: share } = settings.trace;
  if (otlp === "") {
    return { counters, close: async () => undefined };
  }
  const secret = traceSecretOf(settings);
  const { OtlpTracer } = await import("../otlp/tracer.ts");
  const keyed = secret === undefined ? (address: string): string => address : addressKey(secret);
  const tracer = new OtlpTracer({ url: otlp, share, keyed, version }, log, counters);
  return { counters: { ...counters, tracer }, close: () => tracer.close() };
}
