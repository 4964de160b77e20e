/**
 * HTTP and JSON for anything else: `GET /v1/recipient/ADDRESS[?client=IP&sender=ADDRESS]` for one address,
 * `POST /v1/recipients` for many. Addresses are as in RCPT; an empty sender is the null sender. There is no way to list.
 * `GET /v1/traffic` is for the guard of syncs: keyed hashes; `GET /v1/asked` for their searches.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { isIP } from "node:net";

import { percentDecoded } from "../../deliverable/percent.ts";
import { isBearer } from "../../files/bearer-tokens.ts";
import { normalIp } from "../../mail/network.ts";
import { octetsOf } from "../../mail/octets.ts";
import { errorMessage } from "../../report/error-message.ts";
import { http as node } from "../../wait/http.ts";
import { readHttpBody } from "../../wait/http-body.ts";
import { within } from "../../wait/within.ts";
import { after } from "../../smtp/session/outcome.ts";
import { readSender } from "../address.ts";
import { peerOf } from "../server.ts";
import type { LookupServer, LookupServerOptions } from "../server.ts";
import type { Asker, Party } from "../protocol.ts";
import { webLookupServer } from "../web-server.ts";
import { handOver, Refusal } from "./http-files.ts";
import { listOf, refusal, spokenVerdict } from "./http-verdict.ts";
import type { SpokenList, SpokenVerdict } from "./http-verdict.ts";

/** Of a body, in octets, and of addresses in it. */
const longestBody = 262_144;
const mostAddresses = 1000;
/** Of the head of a request, in octets. */
const longestHead = 8192;

/** Of one request. */
export type HttpOptions = Omit<LookupServerOptions, "asker"> & { readonly asker: () => Asker };

const unasked: Party = { client: undefined, sender: undefined };

/** Serves it. */
export function http(options: LookupServerOptions): LookupServer {
  const server = node.createServer({ maxHeaderSize: longestHead }, (request, response) => {
    let asker: Asker | undefined;
    const own = { ...options, asker: (): Asker => (asker ??= options.asker(peerOf(request.socket), refusal)) };
    const failed = (error: unknown): void => {
      asker?.fail(errorMessage(error));
      fail(request, response, error, options);
    };
    try {
      const answering = answer(request, response, own);
      if (answering !== undefined) {
        // Rejects never.
        void within(answering, options.limits().timeout, "no answer in time").catch(failed);
      }
    } catch (error) {
      failed(error);
    }
  });
  return webLookupServer(server, options);
}

/** @returns undefined: it is answered */
function answer(request: IncomingMessage, response: ServerResponse, options: HttpOptions): Promise<void> | undefined {
  mayAsk(request, options.token());
  const url = URL.parse(request.url ?? "", "http://lookup.invalid");
  const [, written] = /^\/v1\/recipient\/([^/]+)$/.exec(url?.pathname ?? "") ?? [];
  if (url !== null && written !== undefined) {
    allow(request, "GET");
    const party = url.search === "" ? unasked : partyOf(url.searchParams.get("client"), url.searchParams.get("sender"));
    const now = options.asker();
    const speaking = spokenVerdict(now, decoded(written), party);
    return after(speaking, (verdict) => answerOne(request, response, verdict, listOf(now.service)));
  } else if (url?.pathname === "/v1/recipients") {
    allow(request, "POST");
    return answerMany(request, response, options);
  } else if (url?.pathname === "/v1/traffic" || url?.pathname === "/v1/asked") {
    allow(request, "GET");
    return handOver(url.pathname, response, options);
  } else {
    throw new Refusal(404, "GET /v1/recipient/ADDRESS, POST /v1/recipients, GET /v1/traffic, GET /v1/asked");
  }
}

function allow(request: IncomingMessage, method: string): void {
  if (request.method !== method) {
    throw new Refusal(405, `${method} only`);
  }
}

/** @param token undefined: everybody may */
function mayAsk({ headers }: IncomingMessage, token: string | undefined): void {
  if (token !== undefined && !isBearer(headers.authorization, [token])) {
    throw new Refusal(401, "needs the bearer token of this service");
  }
}

function answerOne(
  { headers }: IncomingMessage,
  response: ServerResponse,
  verdict: SpokenVerdict,
  list: SpokenList,
): undefined {
  // The verdict on an address may change while the list stays: a grace ends, a client is blocked.
  const etag = `"${list.created ?? "none"}-${verdict.verdict}"`;
  const head = { etag, "cache-control": "private, no-cache" };
  if (headers["if-none-match"]?.split(/\s*,\s*/).includes(etag) === true) {
    response.writeHead(304, head).end();
  } else {
    send(response, 200, { ...verdict, list }, head);
  }
}

async function answerMany(request: IncomingMessage, response: ServerResponse, { asker }: HttpOptions): Promise<void> {
  const body = readQuestion(await bodyOf(request));
  const party = partyOf(body.client ?? null, body.sender ?? null);
  const now = asker();
  const verdicts: SpokenVerdict[] = [];
  for (const address of body.recipients) {
    verdicts.push(await spokenVerdict(now, address, party));
  }
  send(response, 200, { recipients: verdicts, list: listOf(now.service) });
}

/** The body of a POST. */
interface Many {
  readonly recipients: readonly string[];
  readonly client?: string;
  readonly sender?: string;
}

function readQuestion(text: string): Many {
  const value = parsed(text);
  const isMany =
    typeof value === "object" &&
    value !== null &&
    "recipients" in value &&
    Array.isArray(value.recipients) &&
    value.recipients.every((one) => typeof one === "string") &&
    ["client", "sender"].every((key) => ["undefined", "string"].includes(typeof Reflect.get(value, key)));
  if (!isMany) {
    throw new Refusal(400, 'must be {"recipients": ["ADDRESS", …], "client": "IP", "sender": "ADDRESS"}');
  }
  // What was looked at above, in a form that the compiler cannot follow.
  const many = value as unknown as Many;
  if (many.recipients.length > mostAddresses) {
    throw new Refusal(413, `at most ${mostAddresses} recipients`);
  }
  return many;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "not JSON");
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const text = await readHttpBody(request, longestBody);
  if (text === undefined) {
    throw new Refusal(413, `at most ${longestBody} octets`);
  }
  return text;
}

function partyOf(client: string | null, sender: string | null): Party {
  if (client !== null && isIP(client) === 0) {
    throw new Refusal(400, "client must be an IP address");
  }
  const read = sender === null ? undefined : readSender(octetsOf(sender));
  if (sender !== null && read === undefined) {
    throw new Refusal(400, "sender must be an address, or empty for the null sender");
  }
  return {
    client: client === null ? undefined : { ip: normalIp(client), host: "", helo: "", login: "" },
    sender: read,
  };
}

function decoded(text: string): string {
  const address = percentDecoded(text);
  if (address === undefined) {
    throw new Refusal(400, "not an address in percent encoding");
  }
  return address;
}

function send(response: ServerResponse, status: number, value: unknown, more: OutgoingHttpHeaders = {}): void {
  const text = `${JSON.stringify(value)}\n`;
  const head = { "content-type": "application/json", "content-length": Buffer.byteLength(text), ...more };
  response.writeHead(status, head).end(text);
}

function fail(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  { log, name }: LookupServerOptions,
): void {
  const status = error instanceof Refusal ? error.status : 503;
  if (status === 503) {
    log.warning("lookup", "no answer", { lookup: name, why: errorMessage(error) });
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (!request.complete) {
    // What is left of a body is not read.
    response.setHeader("connection", "close");
  }
  if (status === 401) {
    response.setHeader("www-authenticate", "Bearer");
  }
  send(response, status, { error: error instanceof Refusal ? error.message : "try again later" });
}
