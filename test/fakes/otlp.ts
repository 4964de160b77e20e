/** A small collector of OTLP/HTTP: takes JSON at /v1/traces as opentelemetry-proto describes it, and complains of all else. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as it came, its attributes as a table. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly facts: Readonly<Record<string, string>>;
  readonly failed: boolean;
}

/** A running collector. */
export interface Collector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** What was wrong with a request. */
  readonly complaints: string[];
  /** Requests so far. */
  readonly requests: () => number;
  /** In place of 200. */
  answer: { readonly status: number; readonly body: string } | "silent";
  close(): Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}

interface Wire {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly Record<string, unknown>[] }[];
  }[];
}

function tableOf(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? "?"]));
}

/** @throws Error if it is not as the protocol has it */
function readSpan(span: Record<string, unknown>): CollectedSpan {
  const text = (key: string, pattern: RegExp): string => {
    const value = span[key];
    if (typeof value !== "string" || !pattern.test(value)) {
      throw new Error(`${key} is ${JSON.stringify(value)}`);
    }
    return value;
  };
  return {
    traceId: text("traceId", /^(?!0{32})[\da-f]{32}$/),
    spanId: text("spanId", /^(?!0{16})[\da-f]{16}$/),
    parentSpanId: span["parentSpanId"] === undefined ? undefined : text("parentSpanId", /^[\da-f]{16}$/),
    name: text("name", /./),
    kind: Number(span["kind"]),
    start: BigInt(text("startTimeUnixNano", /^\d{19}$/)),
    end: BigInt(text("endTimeUnixNano", /^\d{19}$/)),
    facts: tableOf(span["attributes"] as Attribute[]),
    failed: (span["status"] as { code?: number }).code === 2,
  };
}

/** Starts it on a free port. */
export async function startCollector(): Promise<Collector> {
  const [spans, complaints]: [CollectedSpan[], string[]] = [[], []];
  let requests = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests++;
      const { answer } = collector;
      if (answer === "silent") {
        return;
      }
      try {
        if (request.method !== "POST" || request.url !== "/v1/traces") {
          throw new Error(`${request.method} ${request.url}`);
        }
        if (request.headers["content-type"] !== "application/json") {
          throw new Error(`content-type ${request.headers["content-type"]}`);
        }
        const wire: Wire = JSON.parse(Buffer.concat(chunks).toString());
        for (const { resource, scopeSpans } of wire.resourceSpans) {
          if (tableOf(resource.attributes)["service.name"] !== "goodmailto") {
            throw new Error("no service.name");
          }
          const read = scopeSpans.flatMap((scope) => scope.spans.map(readSpan));
          spans.push(...(answer.status === 200 ? read : []));
        }
      } catch (error) {
        complaints.push(String(error));
      }
      response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const collector: Collector = {
    // What listens has an address.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    complaints,
    requests: () => requests,
    answer: { status: 200, body: "{}" },
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return collector;
}
