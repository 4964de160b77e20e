/**
 * The HTTP side: who may ask, how much and how long. Without a token of [scim] token_file nothing is read, and nothing
 * is told.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";

import { isBearer } from "../files/bearer-tokens.ts";
import { normalIp } from "../mail/network.ts";
import { errorCode, errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { isDamage } from "../state/sqlite-file.ts";
import { readHttpBody } from "../wait/http-body.ts";
import { http, https } from "../wait/http.ts";
import { Slots } from "../wait/slots.ts";
import { Late, within } from "../wait/within.ts";
import { faultBody, ScimFault } from "./fault.ts";
import { answerScim } from "./requests.ts";
import type { ScimAnswer } from "./requests.ts";
import type { ScimStore } from "./store.ts";

/** What holds for new requests. */
export interface ScimLimits {
  readonly tokens: readonly string[];
  /** Octets of a body. */
  readonly body: number;
  readonly connections: number;
  /** ms for a request to arrive, and for its answer. */
  readonly timeout: number;
}

/** What the server needs. */
export interface ScimServerOptions {
  readonly store: ScimStore;
  readonly limits: () => ScimLimits;
  /** Undefined: plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: string; readonly minVersion: "TLSv1.2" | "TLSv1.3" } | undefined;
  readonly log: Log;
  /** The file turned out to be damaged. */
  readonly damaged: (why: string) => void;
}

/** Requests whose bodies are in memory at the same time; further ones wait. */
const atOnce = 8;
/** Of the head of a request, in octets. */
const longestHead = 16_384;
/** Between two complaints about clients without a token; ms. */
const complainEvery = 10_000;
const hostForm = /^[\w.-]{1,253}(?::\d{1,5})?$|^\[[0-9a-f:]+\](?::\d{1,5})?$/i;

/** The server, which does not listen yet. */
export function createScimServer(options: ScimServerOptions): Server {
  const { limits, tls } = options;
  const slots = new Slots(atOnce);
  const complain = complainer(options.log);
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    // While there is a socket: one that is gone has none.
    const ip = normalIp(request.socket.remoteAddress ?? "");
    // Rejects never.
    void answer(request, options, slots, () => complain(ip))
      .then((given) => send(response, given))
      .catch((error: unknown) => fail(request, response, error, ip, options));
  };
  const bounds = {
    maxHeaderSize: longestHead,
    requestTimeout: limits().timeout,
    headersTimeout: Math.min(limits().timeout, 10_000),
    keepAliveTimeout: 60_000,
    connectionsCheckingInterval: 1000,
  };
  const server =
    tls === undefined
      ? http.createServer(bounds, handle)
      : https.createServer({ ...bounds, ...tls, handshakeTimeout: bounds.headersTimeout }, handle);
  server.maxConnections = limits().connections;
  server.on("connection", () => {
    const { connections, timeout } = limits();
    server.maxConnections = connections;
    server.requestTimeout = timeout;
  });
  // One who does not take the answer.
  server.setTimeout(limits().timeout + 60_000, (socket: { destroy(): void }) => socket.destroy());
  server.on("tlsClientError", (error: Error) => options.log.debug("scim", "TLS failed", { why: errorMessage(error) }));
  return server;
}

async function answer(
  request: IncomingMessage,
  { store, limits, tls, log }: ScimServerOptions,
  slots: Slots,
  complain: () => void,
): Promise<ScimAnswer> {
  const { tokens, body: longest, timeout } = limits();
  if (!isBearer(request.headers.authorization, tokens)) {
    complain();
    throw new ScimFault(401, "needs a bearer token of this service");
  }
  const url = URL.parse(request.url ?? "", "http://scim.invalid");
  if (url === null) {
    throw new ScimFault(404, "the path is not one");
  }
  const leave = await slots.takeWithin(timeout);
  if (leave === undefined) {
    throw new ScimFault(503, "too many requests at a time, try again later");
  }
  try {
    const { host = "" } = request.headers;
    const origin = hostForm.test(host) ? `${tls === undefined ? "http" : "https"}://${host}` : "";
    const body = async (): Promise<string> => {
      const text = await readHttpBody(request, longest);
      if (text === undefined) {
        throw new ScimFault(413, `a body may have ${longest} octets, see max_body`);
      }
      return text;
    };
    const { method = "" } = request;
    const given = answerScim({ method, path: url.pathname, query: url.searchParams, origin, body }, store, log);
    return await within(given, timeout, "no answer in time");
  } finally {
    leave();
  }
}

function complainer(log: Log): (ip: string) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  let untold = 0;
  return (ip) => {
    untold += 1;
    if (performance.now() - saidAt >= complainEvery) {
      saidAt = performance.now();
      log.warning("scim", "refused, no valid token", { ip, requests: untold });
      untold = 0;
    }
  };
}

function send(response: ServerResponse, { status, body, location }: ScimAnswer): void {
  const text = body === undefined ? "" : JSON.stringify(body);
  const fields = {
    ...(body === undefined
      ? {}
      : { "content-type": "application/scim+json", "content-length": Buffer.byteLength(text) }),
    ...(location === undefined ? {} : { location }),
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(status === 503 ? { "retry-after": "10" } : {}),
  };
  response.writeHead(status, fields).end(text);
}

function fail(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  ip: string,
  { log, damaged }: ScimServerOptions,
): void {
  const fault = faultOf(error);
  const { method, url = "" } = request;
  const facts = { method, path: url.split("?", 1)[0], status: fault.status, ip };
  if (isDamage(error)) {
    damaged(errorMessage(error));
  } else if (fault.status >= 500) {
    log.error("scim", "request failed", { ...facts, why: errorMessage(error) });
  } else if (fault.status !== 401 && fault.status !== 404) {
    log.warning("scim", "request refused", { ...facts, why: fault.message });
  }
  if (!request.complete) {
    // What is left of a body is not read.
    response.setHeader("connection", "close");
  }
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  send(response, { status: fault.status, body: faultBody(fault) });
}

/** What the client is told of an error that is not its own. */
function faultOf(error: unknown): ScimFault {
  if (error instanceof ScimFault) {
    return error;
  }
  // Of SQLite: another process that writes, a full disk.
  const isPassing = error instanceof Late || errorCode(error).startsWith("SQLITE_");
  return isPassing ? new ScimFault(503, "try again later") : new ScimFault(500, "internal error");
}
