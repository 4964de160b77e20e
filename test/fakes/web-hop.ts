/** A small web server that takes messages by POST and answers as it is told. Plain HTTP: TLS is nginx's. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as it came. */
export interface Posted {
  readonly headers: IncomingMessage["headers"];
  /** One for each field. */
  readonly to: readonly string[];
  readonly body: Buffer;
  /** The body was there as long as was announced. */
  readonly whole: boolean;
}

/** The running server. */
export interface WebHop {
  readonly port: number;
  readonly posted: readonly Posted[];
  /** Status, nothing for ever, a reset after so many bytes, or a 200 that does not wait for the body. */
  answer: number | "hang" | "hasty" | { readonly reset: number };
  close(): Promise<void>;
}

/** Starts it on loopback. */
export async function startWebHop(): Promise<WebHop> {
  const posted: Posted[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { answer } = hop;
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
    posted.push({ headers: request.headers, to, body: Buffer.concat(pieces), whole: request.complete });
    if (typeof answer === "number") {
      response.writeHead(answer, answer === 302 ? { location: "/elsewhere" } : {}).end("because <b>so</b>\n");
    }
  };
  const server = createServer((request, response) => void take(request, response));
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
