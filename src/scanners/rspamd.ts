/** rspamd: what it would do with a message, by `POST /checkv2`. */
import type { IncomingMessage } from "node:http";

import type { Answered, Transport } from "../hooks/scanner.ts";
import { formatEndpoint, parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import { http, https } from "../wait/http.ts";
import { GatheredScan } from "./gathered.ts";
import type { Exchange } from "./gathered.ts";
import { CannotScan } from "./scan.ts";

/** Bytes. */
const longestAnswer = 1_048_576;
/** Header fields that it may ask for. */
const mostFields = 100;

/** What rspamd says, as far as it counts here. */
export interface Weighed extends Answered {
  readonly kind: "weighed";
  /** `no action`, `greylist`, `add header`, `rewrite subject`, `soft reject`, `reject`, or one of the site's own. */
  readonly action: string;
  readonly score: number;
  readonly required: number;
  /** For `rewrite subject`. */
  readonly subject: string | undefined;
  /** Name and value of each field to add. */
  readonly add: readonly (readonly [name: string, value: string])[];
  /** Names of fields to take away. */
  readonly remove: readonly string[];
  /** Its text for the reply. */
  readonly message: string | undefined;
}

/** What rspamd gets besides the message: its header fields `IP`, `Helo`, `From`, `Rcpt` and so on, one value each or several. */
export type RspamdFacts = Readonly<Record<string, string | string[]>>;

/** Where it is. */
export interface RspamdPlace {
  readonly endpoint: Endpoint;
  readonly secure: boolean;
  /** CA certificates (PEM) for a secure one; not given: those of Node. */
  readonly authorities?: (() => string | undefined) | undefined;
}

/** Reads "host:port", or "https://host:port". */
export function parseRspamdPlace(text: string): RspamdPlace | undefined {
  const secure = text.startsWith("https://");
  const endpoint = parseEndpoint(secure ? text.slice("https://".length) : text);
  return endpoint === undefined ? undefined : { endpoint, secure };
}

export function rspamd(server: RspamdPlace, facts: RspamdFacts): Transport<Weighed> {
  return {
    place: `rspamd at ${server.secure ? "https://" : ""}${formatEndpoint(server.endpoint)}`,
    open: () => new GatheredScan(Buffer.alloc(0), (message) => ask(server, facts, message)),
  };
}

/** @throws Error where the CA certificates cannot be read: no other ones are trusted in their place */
function authoritiesOf({ authorities }: RspamdPlace): { readonly ca?: string } {
  if (authorities === undefined) {
    return {};
  }
  const ca = authorities();
  if (ca === undefined) {
    throw new Error("ca_file cannot be used");
  }
  return { ca };
}

function ask(server: RspamdPlace, facts: RspamdFacts, message: Buffer): Exchange<Weighed> {
  const { endpoint, secure } = server;
  const headers = { ...facts, "Content-Length": String(message.length) };
  // The answer is one of a local service: a connection of its own costs little, and no kept one can have died.
  const options = {
    host: endpoint.host,
    port: endpoint.port,
    path: "/checkv2",
    method: "POST",
    headers,
    agent: false,
  } as const;
  const asked = secure ? https.request({ ...options, ...authoritiesOf(server) }) : http.request(options);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  asked
    .on("response", resolve)
    .on("error", reject)
    .on("close", () => reject(new Error("it closed the connection")));
  asked.end(message);
  return { answer: promise.then(readAnswer), close: () => void asked.destroy() };
}

async function readAnswer(response: IncomingMessage): Promise<Weighed> {
  const pieces: Buffer[] = [];
  let size = 0;
  const coming: AsyncIterable<Buffer> = response;
  for await (const piece of coming) {
    pieces.push(piece);
    size += piece.length;
    if (size > longestAnswer) {
      response.destroy();
      throw new Error(`answer of more than ${longestAnswer} bytes`);
    }
  }
  const text = Buffer.concat(pieces).toString("utf8");
  if (response.statusCode !== 200) {
    throw new CannotScan(`status ${response.statusCode ?? 0} ${JSON.stringify(text.slice(0, 80))}`);
  }
  return read(text);
}

function read(text: string): Weighed {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`unexpected answer ${JSON.stringify(text.slice(0, 80))}`);
  }
  const { action, score, required_score: required, subject, milter, messages } = tableOf(answer);
  if (typeof action !== "string" || typeof score !== "number") {
    throw new Error("unexpected answer: no action or no score");
  }
  const { add_headers: added, remove_headers: removed } = tableOf(milter);
  const { smtp_message: message } = tableOf(messages);
  return {
    kind: "weighed",
    action,
    score,
    required: typeof required === "number" ? required : Number.NaN,
    subject: typeof subject === "string" ? subject : undefined,
    add: Object.entries(tableOf(added))
      .flatMap(([name, value]) => fieldsOf(name, value))
      .slice(0, mostFields),
    remove: Object.keys(tableOf(removed)).slice(0, mostFields),
    message: typeof message === "string" ? message : undefined,
  };
}

/** A value, a table with one, or several of either. */
function fieldsOf(name: string, value: unknown): (readonly [string, string])[] {
  if (Array.isArray(value)) {
    return value.flatMap((one: unknown) => fieldsOf(name, one));
  }
  const text = typeof value === "string" ? value : tableOf(value)["value"];
  return typeof text === "string" ? [[name, text]] : [];
}

function tableOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
