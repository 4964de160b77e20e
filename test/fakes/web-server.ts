/**
 * A small HTTP server of JSON that a test makes misbehave: it says later, cuts an answer, points elsewhere. What the
 * fakes of Microsoft Graph and of Google's Directory API share.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** What is answered instead of, or as, JSON. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is written as JSON. */
  readonly body?: unknown;
  /** The connection ends after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Nothing is answered at all. */
  readonly silent?: boolean;
}

/** One question as it came. */
export interface Question {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly form: URLSearchParams;
}

/** A running server. */
export interface WebServer {
  readonly url: string;
  /** Every question, in order. */
  readonly asked: Question[];
  /** Asked first: what it gives is the answer. Undefined: the server answers as it should. */
  trick: ((question: Question) => Reply | undefined) | undefined;
  stop(): Promise<void>;
}

/** Starts it on loopback. @param tls PEM; without them it speaks plain HTTP */
export async function startWebServer(
  answer: (question: Question) => Reply,
  tls?: { readonly cert: string; readonly key: string },
): Promise<WebServer> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(request, response).catch(() => response.destroy());
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of request) {
      pieces.push(piece as Buffer);
    }
    const question: Question = {
      method: request.method ?? "",
      url: new URL(request.url ?? "/", server.url),
      headers: request.headers,
      form: new URLSearchParams(Buffer.concat(pieces).toString("utf8")),
    };
    server.asked.push(question);
    send(response, server.trick?.(question) ?? answer(question));
  };
  const listening = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  const server: WebServer = {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    asked: [],
    trick: undefined,
    async stop() {
      listening.closeAllConnections();
      listening.close();
      await once(listening, "close");
    },
  };
  return server;
}

function send(response: ServerResponse, { status = 200, headers, body = {}, cutAfter, silent }: Reply): void {
  if (silent === true) {
    return;
  }
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  if (cutAfter === undefined) {
    response.end(text);
  } else {
    response.write(text.slice(0, cutAfter), () => response.socket?.end());
  }
}
