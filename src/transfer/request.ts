/**
 * One HTTP request with a deadline: what is sent comes from a file, what comes back is a stream or a few bytes.
 * node:http and node:https, since fetch of Node takes no CA certificates.
 */
import { createReadStream } from "node:fs";
import type { IncomingMessage } from "node:http";

import { streamOf } from "../files/descriptor-stream.ts";
import { errorCode } from "../report/error-message.ts";
import { http, https } from "../wait/http.ts";

/** What is asked. */
export interface Exchange {
  readonly url: URL;
  readonly method: "GET" | "HEAD" | "PUT" | "POST";
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** The file that is sent, by its path or as an open one, and how much of it. */
  readonly file?: { readonly path?: string; readonly descriptor?: number; readonly size: number };
  /** A short text that is sent instead. */
  readonly text?: string;
  /** PEM; undefined: the system's. */
  readonly ca: string | undefined;
  /** Ends the exchange at whatever point it is. */
  readonly signal: AbortSignal;
}

/** A response whose headers are there. */
export interface Responded extends IncomingMessage {
  /** Whether everything had been sent by now. */
  sentAll(): Promise<boolean>;
}

/** Redirections are not followed: a server that moved should be named in the configuration. */
const maxText = 2000;

/** Sends, and answers with the response when its headers are there. @throws Error if the server cannot be asked */
export function exchange({ url, method, headers, file, text = "", ca, signal }: Exchange): Promise<Responded> {
  const { promise, resolve, reject } = Promise.withResolvers<Responded>();
  const send = url.protocol === "https:" ? https.request : http.request;
  const size = file?.size ?? Buffer.byteLength(text);
  const length = file === undefined && text === "" ? {} : { "content-length": String(size) };
  const request = send(url, {
    method,
    // All callers give a table, none a list of words.
    headers: { ...(headers as Record<string, string | string[]>), ...length },
    ca,
    signal,
    agent: false,
  });
  request.once("response", (response) => {
    const sentAll = async (): Promise<boolean> => {
      // The bytes that left before the answer are counted by then.
      await new Promise((done) => setImmediate(done));
      return request.writableFinished;
    };
    resolve(Object.assign(response, { sentAll }));
  });
  request.once("error", (error) => {
    const code = errorCode(error);
    const why = signal.aborted ? "no answer in time" : error.message || code;
    reject(new Error(`Cannot ${method} ${url.host}: ${why}`, { cause: error }));
  });
  if (file === undefined || file.size === 0) {
    request.end(text);
  } else {
    // Bounded by the size that was announced: a file that grows meanwhile would break the framing.
    const { path = "", descriptor } = file;
    const body = descriptor === undefined ? createReadStream(path, { end: size - 1 }) : streamOf(descriptor, size);
    body.once("error", (error) => request.destroy(error));
    request.once("close", () => body.destroy());
    body.pipe(request);
  }
  return promise;
}

/** The first characters of an answer, on one line, for the log; the rest is thrown away. */
export async function readAnswer(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("latin1");
  try {
    for await (const chunk of response) {
      text += String(chunk);
      if (text.length > maxText) {
        break;
      }
    }
  } catch {
    // The status line says enough.
  }
  response.destroy();
  return text
    .replace(/<[^>]*>|[^\x20-\x7e]/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);
}
