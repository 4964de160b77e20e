/**
 * A small web server that holds files for fleets: ETag, Range, If-Range and If-None-Match, PUT, basic authentication;
 * and the part of S3 that snapshots need, with its signature checked from the specification.
 */
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** What the origin is to be. */
export interface OriginOptions {
  /** PEM; without them it speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** "user:password" of HTTP basic. */
  readonly basic?: string;
  /** Then it is a store, and every request must be signed. */
  readonly s3?: { readonly accessKey: string; readonly secretKey: string; readonly region: string };
}

/** One request as it came. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly status: number;
}

/** A running origin. */
export interface Origin {
  readonly url: string;
  readonly port: number;
  /** Path → bytes. */
  readonly files: Map<string, Buffer>;
  readonly asked: Asked[];
  /** Cuts the next answer's body after so many bytes. */
  cutAfter: number | undefined;
  /** Answers nothing at all, and keeps the connection. */
  silent: boolean;
  /** Answers this to everything. */
  fixed: number | undefined;
  stop(): Promise<void>;
}

/** Starts it on loopback. @param port a fixed one, for an origin that comes back */
export async function startOrigin(options: OriginOptions = {}, port = 0): Promise<Origin> {
  const files = new Map<string, Buffer>();
  const asked: Asked[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(request, response, origin, options).catch(() => response.destroy());
  };
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const bound = (server.address() as AddressInfo).port;
  const origin: Origin = {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${bound}`,
    port: bound,
    files,
    asked,
    cutAfter: undefined,
    silent: false,
    fixed: undefined,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return origin;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  origin: Origin,
  options: OriginOptions,
): Promise<void> {
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname);
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
  }
  const body = Buffer.concat(chunks);
  const end = (status: number, headers: Record<string, string> = {}, bytes: Buffer | string = ""): void => {
    origin.asked.push({ method: request.method ?? "", path, headers: request.headers, status });
    const cut = origin.cutAfter;
    origin.cutAfter = undefined;
    response.writeHead(status, { "content-length": String(Buffer.byteLength(bytes)), ...headers });
    if (cut === undefined) {
      response.end(bytes);
    } else {
      // What was sent must have arrived: a reset would take it back.
      response.write(bytes.slice(0, cut), () => setTimeout(() => response.destroy(), 100));
    }
  };
  if (origin.silent) {
    return;
  }
  if (origin.fixed !== undefined) {
    return end(origin.fixed);
  }
  const refusal = refuse(request, body, options);
  if (refusal !== undefined) {
    return end(403, {}, refusal);
  }
  if (request.method === "PUT") {
    origin.files.set(path, body);
    return end(200);
  }
  const file = origin.files.get(path);
  return file === undefined ? end(404, {}, "<Error>NoSuchKey</Error>") : serve(request, file, end);
}

function serve(
  request: IncomingMessage,
  file: Buffer,
  end: (status: number, headers?: Record<string, string>, bytes?: Buffer) => void,
): void {
  const etag = `"${createHash("md5").update(file).digest("hex")}"`;
  if (request.headers["if-none-match"] === etag) {
    return end(304, { etag });
  }
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
  const condition = request.headers["if-range"];
  if (from === undefined || (condition !== undefined && condition !== etag)) {
    return end(200, { etag }, file);
  }
  const at = Number(from);
  return at >= file.length
    ? end(416, { "content-range": `bytes */${file.length}` })
    : end(206, { etag, "content-range": `bytes ${at}-${file.length - 1}/${file.length}` }, file.subarray(at));
}

function refuse(request: IncomingMessage, body: Buffer, { basic, s3 }: OriginOptions): string | undefined {
  const given = request.headers.authorization ?? "";
  if (basic !== undefined && given !== `Basic ${Buffer.from(basic).toString("base64")}`) {
    return "who are you";
  }
  if (s3 === undefined) {
    return undefined;
  }
  const digest = createHash("sha256").update(body).digest("hex");
  if (request.headers["x-amz-content-sha256"] !== digest) {
    return "<Code>XAmzContentSHA256Mismatch</Code>";
  }
  return signatureOf(request, digest, s3) === given ? undefined : "<Code>SignatureDoesNotMatch</Code>";
}

/** The Authorization field that this request should have: "Signature Version 4", from Amazon's documentation. */
function signatureOf(request: IncomingMessage, digest: string, s3: NonNullable<OriginOptions["s3"]>): string {
  const given = request.headers.authorization ?? "";
  const names = (/SignedHeaders=([a-z0-9;-]+)/.exec(given)?.[1] ?? "").split(";");
  const stamp = String(request.headers["x-amz-date"] ?? "");
  const url = new URL(request.url ?? "/", "http://x");
  const canonical = [
    request.method,
    url.pathname,
    "",
    ...names.map((name) => `${name}:${String(request.headers[name] ?? "").trim()}`),
    "",
    names.join(";"),
    digest,
  ].join("\n");
  const scope = `${stamp.slice(0, 8)}/${s3.region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", stamp, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const mac = (key: string | Buffer, word: string): Buffer => createHmac("sha256", key).update(word).digest();
  const key = [s3.region, "s3", "aws4_request"].reduce(mac, mac(`AWS4${s3.secretKey}`, stamp.slice(0, 8)));
  const signature = createHmac("sha256", key).update(text).digest("hex");
  return `AWS4-HMAC-SHA256 Credential=${s3.accessKey}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
}
