/**
 * qmail-deliverabled's HTTP: `/qd1/deliverable?ADDRESS` is answered 200 and a number, `/qd1/qmail_local?ADDRESS` 200 and
 * the user part, or 204 if the address is not local. Nothing else is served, and only to the clients that may ask:
 * whoever may ask can try names against the directory.
 */
import type { Server } from "node:http";

import { listenOptions, normalIp } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import type { Log } from "../report/log.ts";
import { codes } from "./codes.ts";
import { percentDecoded } from "./percent.ts";
import { errorMessage } from "../report/error-message.ts";
import { http } from "../wait/http.ts";

/** What answers, and to whom. It may reject: the number is then that of an error. */
export interface Deliverable {
  deliverable(address: string, ip: string): number | Promise<number>;
  /** Undefined: not local. */
  local(address: string, ip: string): string | undefined;
}

/** What the server needs. */
export interface ServerOptions {
  readonly answers: Deliverable;
  readonly mayAsk: (ip: string) => boolean;
  readonly log: Log;
}

/** Connections at a time; a relay keeps up to sixteen per worker. */
const mostConnections = 1000;
const route = /^\/qd1\/(deliverable|qmail_local)\?([^?#]*)$/;

/** Serves until it is closed. @throws the error of a port that is taken */
export async function serveDeliverable(place: Endpoint, options: ServerOptions): Promise<Server> {
  const server = createDeliverableServer(options);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listenOptions(place), resolve);
  });
  return server;
}

/** The server, which does not listen yet. */
export function createDeliverableServer(options: ServerOptions): Server {
  const server = http.createServer(
    // A relay keeps its connections for a while: closing them sooner than it does costs a question.
    { requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 60_000, maxHeaderSize: 8192 },
    (request, response) => {
      const answer = (status: number, text = ""): void => {
        // With its length: a client of a few lines of shell reads no chunks.
        const length = text === "" ? {} : { "content-length": Buffer.byteLength(text) };
        response.writeHead(status, { "content-type": "text/plain", ...length }).end(text);
      };
      const ip = normalIp(request.socket.remoteAddress ?? "");
      const [, command = "", query = ""] = route.exec(request.url ?? "") ?? [];
      const address = percentDecoded(query);
      if (!options.mayAsk(ip)) {
        options.log.warning("deliverabled", "client may not ask", { ip });
        answer(403, "Forbidden\n");
      } else if (request.method !== "GET") {
        answer(405, "GET only\n");
      } else if (command === "") {
        answer(404, "/qd1/deliverable?ADDRESS, /qd1/qmail_local?ADDRESS\n");
      } else if (address === undefined || address === "") {
        answer(400, "no address\n");
      } else if (command === "qmail_local") {
        const user = options.answers.local(address, ip);
        answer(user === undefined ? 204 : 200, user);
      } else {
        const code = numberOf(address, ip, options);
        if (typeof code === "number") {
          answer(200, String(code));
        } else {
          void code.then((later) => answer(200, String(later)));
        }
      }
    },
  );
  server.maxConnections = mostConnections;
  return server;
}

/** Neither throws nor rejects. */
function numberOf(address: string, ip: string, { answers, log }: ServerOptions): number | Promise<number> {
  const told = (code: number): number => {
    log.debug("deliverabled", "answered", { address, code });
    return code;
  };
  const failed = (error: unknown): number => {
    log.error("deliverabled", "internal error", { address, why: errorMessage(error) });
    return codes.fault;
  };
  try {
    const code = answers.deliverable(address, ip);
    return typeof code === "number" ? told(code) : code.then(told).catch(failed);
  } catch (error) {
    return failed(error);
  }
}
