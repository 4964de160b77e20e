/**
 * Sends spans to a collector by OTLP/HTTP in JSON: a bounded queue, one request at a time, each with a deadline. A
 * collector that is away or slow costs spans, which are counted, and never holds up mail. Loaded only if
 * `[trace] otlp` is set.
 */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import type { Counters } from "../report/counters.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import type { Span, Tracer } from "../report/span.ts";
import { attributesOf, wireSpan } from "./spans.ts";
import type { SpanOptions, WireSpan } from "./spans.ts";

/** Where to send what. */
export interface TracerOptions extends Omit<SpanOptions, "salt"> {
  /** "http://127.0.0.1:4318"; `/v1/traces` is added. */
  readonly url: string;
  /** Of goodmailto. */
  readonly version: string;
}

/** Spans that wait. */
const mostWaiting = 4096;
/** Spans of one request. */
const mostTogether = 512;
/** How long the first one waits for others, ms. */
const gather = 2000;
/** How long a collector may take, ms. */
const sendTimeout = 5000;
/** How long the last requests may take together when the relay stops, ms. */
const closeTimeout = 1000;
/** How often losses are told, ms. */
const tellEvery = 60_000;
/** Of an answer; more is not read. */
const mostAnswer = 65_536;

export class OtlpTracer implements Tracer {
  readonly #url: string;
  readonly #options: SpanOptions;
  readonly #resource: unknown;
  readonly #scope: unknown;
  readonly #log: Log;
  readonly #counters: Counters;
  #waiting: WireSpan[] = [];
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  readonly #closing = new AbortController();
  #lost = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor({ url, version, ...options }: TracerOptions, log: Log, counters: Counters) {
    this.#url = `${url.replace(/\/+$/, "")}/v1/traces`;
    this.#options = { ...options, salt: randomBytes(8).toString("hex") };
    const who = { "service.name": "goodmailto", "service.version": version, "host.name": hostname() };
    this.#resource = { attributes: attributesOf(Object.entries({ ...who, "process.pid": process.pid })) };
    this.#scope = { name: "goodmailto", version };
    this.#log = log;
    this.#counters = counters;
  }

  note(span: Span): void {
    const made = wireSpan(span, performance.timeOrigin + performance.now(), this.#options);
    if (made === undefined) {
      return;
    }
    if (this.#isClosed || this.#waiting.length >= mostWaiting) {
      this.#lose(1, "too many spans wait");
      return;
    }
    this.#waiting.push(made);
    if (this.#waiting.length >= mostTogether) {
      this.#send();
    } else {
      this.#timer ??= setTimeout(() => this.#send(), gather).unref();
    }
  }

  /** What waits is sent, if the collector takes it at once. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const { signal } = this.#closing;
    const end = setTimeout(() => this.#closing.abort(new Error("not sent in time")), closeTimeout);
    await this.#sending;
    while (this.#waiting.length > 0 && !signal.aborted) {
      this.#send();
      await this.#sending;
    }
    clearTimeout(end);
    this.#lose(this.#waiting.length, "not sent in time");
    this.#waiting = [];
  }

  #send(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const spans = this.#waiting.splice(0, mostTogether);
    this.#sending = this.#post(spans).then(() => {
      this.#sending = undefined;
      // The close sends what is left itself.
      if (this.#waiting.length > 0 && !this.#isClosed) {
        this.#timer ??= setTimeout(() => this.#send(), this.#waiting.length < mostTogether ? gather : 0).unref();
      }
    });
  }

  /** Never rejects. */
  async #post(spans: readonly WireSpan[]): Promise<void> {
    const scopeSpans = [{ scope: this.#scope, spans }];
    const body = JSON.stringify({ resourceSpans: [{ resource: this.#resource, scopeSpans }] });
    try {
      const answer = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        redirect: "error",
        signal: AbortSignal.any([AbortSignal.timeout(sendTimeout), this.#closing.signal]),
      });
      if (!answer.ok) {
        await answer.body?.cancel();
        this.#lose(spans.length, `the collector answered ${answer.status}`);
        return;
      }
      const rejected = rejectedIn(await readText(answer));
      if (rejected > 0) {
        this.#lose(Math.min(rejected, spans.length), "the collector rejected them");
      }
    } catch (error) {
      this.#lose(spans.length, reasonOf(error));
    }
  }

  #lose(spans: number, why: string): void {
    if (spans === 0) {
      return;
    }
    this.#counters.add("spans_lost", undefined, spans);
    this.#lost += spans;
    const now = performance.now();
    if (now - this.#toldAt >= tellEvery) {
      this.#toldAt = now;
      this.#log.warning("trace", "spans not sent", { spans: this.#lost, why, url: this.#url });
      this.#lost = 0;
    }
  }
}

/** fetch says only that it failed; its cause says why. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return errorMessage(cause instanceof Error && cause.message !== "" ? cause : error);
}

/** The beginning of an answer. */
async function readText(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > mostAnswer) {
      break;
    }
  }
  return text;
}

/** Spans that a collector did not take though it said 200: `partialSuccess`. */
function rejectedIn(text: string): number {
  try {
    const answer: { readonly partialSuccess?: { readonly rejectedSpans?: unknown } } | null = JSON.parse(text);
    const rejected = Number(answer?.partialSuccess?.rejectedSpans ?? 0);
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0;
  } catch {
    return 0;
  }
}
