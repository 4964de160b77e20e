/** A small HTTP page for monitors: /metrics, /healthz (alive), /readyz (a snapshot is served). */
import type { Server } from "node:http";

import { listenOptions } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import { http } from "../wait/http.ts";
import { formatFor, formats } from "./exposition.ts";
import type { Format } from "./exposition.ts";

/** The contents of the pages, made at each request. */
export interface MetricsPages {
  metrics(format: Format): Promise<string>;
  /** Undefined: ready; else why not. */
  notReady(): string | undefined | Promise<string | undefined>;
}

/** Serves the pages. @throws the error of a port that is taken */
export async function serveMetrics(place: Endpoint, pages: MetricsPages): Promise<Server> {
  const server = http.createServer(
    { requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 5000 },
    (request, response) => {
      const answer = (status: number, text: string, type = "text/plain; charset=utf-8"): void => {
        response.writeHead(status, { "content-type": type, vary: "accept" }).end(text);
      };
      if (request.method !== "GET") {
        answer(405, "GET only\n");
      } else if (request.url === "/metrics") {
        const format = formatFor(request.headers.accept);
        pages.metrics(format).then(
          (text) => answer(200, text, formats[format]),
          () => answer(503, "a worker does not answer\n"),
        );
      } else if (request.url === "/healthz") {
        answer(200, "ok\n");
      } else if (request.url === "/readyz") {
        Promise.resolve(pages.notReady()).then(
          (why) => answer(why === undefined ? 200 : 503, why === undefined ? "ok\n" : `${why}\n`),
          () => answer(503, "a worker does not answer\n"),
        );
      } else {
        answer(404, "/metrics, /healthz, /readyz\n");
      }
    },
  );
  server.maxConnections = 32;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listenOptions(place), resolve);
  });
  return server;
}
