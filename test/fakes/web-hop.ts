/** A small web server that takes messages by POST and answers as it is told: plain HTTP behind nginx's TLS, or TLS of its own. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** One request as it came. */
export interface Posted {
  readonly headers: IncomingMessage["headers"];
  /** One for each field. */
  readonly to: readonly string[];
  readonly body: Buffer;
  /** The body was there as long as was announced. */
  readonly whole: boolean;
  /** It was answered 2xx. */
  readonly taken: boolean;
}

/** Status, nothing for ever, a reset after so many bytes, or a 200 that does not wait for the body. */
export type WebAnswer = number | "hang" | "hasty" | { readonly reset: number };

/** The running server. */
export interface WebHop {
  readonly port: number;
  readonly posted: readonly Posted[];
  answer: WebAnswer | ((headers: IncomingMessage["headers"]) => WebAnswer);
  close(): Promise<void>;
}

/** Starts it on loopback. @param tls key and certificate in PEM */
export async function startWebHop(tls?: { readonly key: Buffer; readonly cert: Buffer }): Promise<WebHop> {
  const posted: Posted[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = typeof hop.answer === "function" ? hop.answer(request.headers) : hop.answer;
    if (answer === "hasty") {
      // Nothing is read of the body.
      request.socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      request.pause();
      return;
    }
    const pieces: Buffer[] = [];
    let size = 0;
    try {
      for await (const piece of request as AsyncIterable<Buffer>) {
        pieces.push(piece);
        size += piece.length;
        if (typeof answer === "object" && size >= answer.reset) {
          request.socket.resetAndDestroy();
          return;
        }
      }
    } catch {
      // It broke off.
    }
    const to = request.headersDistinct["x-envelope-to"] ?? [];
    const taken = typeof answer === "number" && answer >= 200 && answer < 300 && request.complete;
    posted.push({ headers: request.headers, to, body: Buffer.concat(pieces), whole: request.complete, taken });
    if (typeof answer === "number") {
      response.writeHead(answer, answer === 302 ? { location: "/elsewhere" } : {}).end("because <b>so</b>\n");
    }
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => void take(request, response);
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const hop: WebHop = {
    port: (server.address() as AddressInfo).port,
    posted,
    answer: 200,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return hop;
}
