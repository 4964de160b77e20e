/** The HTTP side: how many may ask, how much and how long; and the parts that a reload replaces. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";

import { Guard } from "../auth/guard.ts";
import { readTls } from "../compose/certificates.ts";
import type { Placed } from "../compose/settings.ts";
import { trustOf } from "../compose/trust.ts";
import { parseWebPlace } from "../config/web.ts";
import { listenOptions } from "../mail/network.ts";
import { listeningAt } from "../ops/inside-service.ts";
import type { Totals } from "../ops/metrics.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { http, https } from "../wait/http.ts";
import { answerRequest } from "./answer.ts";
import type { Parts } from "./answer-kinds.ts";
import { Entrance } from "./entrance.ts";
import { Knowledge } from "./knowledge.ts";
import type { WebOptions } from "./messages.ts";
import { Sessions } from "./sessions.ts";
import type { Samples } from "./pages/samples.ts";

/** ms for a request to arrive, and its head alone. */
const bounds = {
  maxHeaderSize: 16_384,
  requestTimeout: 10_000,
  headersTimeout: 5000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 1000,
};

export class WebServer {
  readonly #server: Server;
  readonly #options: WebOptions;
  readonly #askTotals: () => Promise<Totals | undefined>;
  readonly #log: Log;
  readonly #guard = new Guard();
  readonly #sessions = new Sessions();
  readonly #timer: NodeJS.Timeout;
  readonly #isTls: boolean;
  #parts: Parts;
  #loaded: Placed;

  /** @throws FileFault if a file of the settings cannot be used */
  constructor(loaded: Placed, options: WebOptions, askTotals: () => Promise<Totals | undefined>, log: Log) {
    this.#options = options;
    this.#askTotals = askTotals;
    this.#log = log;
    this.#loaded = loaded;
    this.#parts = this.#assemble(loaded);
    const { settings } = loaded;
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      // One that takes its answer in drops is never idle.
      const late = setTimeout(() => request.socket.destroy(), options.answerTime).unref();
      response.once("close", () => clearTimeout(late));
      // Rejects never.
      void answerRequest(request, response, this.#parts);
    };
    const tls = settings.web.tls ? readTls(settings) : undefined;
    this.#isTls = tls !== undefined;
    this.#server =
      tls === undefined
        ? http.createServer(bounds, handle)
        : https.createServer({ ...bounds, ...pairOf(tls), handshakeTimeout: 5000 }, handle);
    this.#server.maxConnections = settings.web.max_connections;
    this.#server.setTimeout(options.answerTime, (socket: { destroy(): void }) => socket.destroy());
    this.#server.on("tlsClientError", (error: Error) => log.debug("web", "TLS failed", { why: errorMessage(error) }));
    this.#timer = setInterval(() => void this.#parts.knowledge.sample(), options.sampleEvery).unref();
  }

  /** @returns where, with the port that the system chose @throws the error of a port that is taken */
  async listen(): Promise<string> {
    const place = parseWebPlace(this.#loaded.settings.web.listen);
    if (place === undefined) {
      throw new Error("[web] listen is not set");
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(listenOptions(place), resolve);
    });
    this.#server.on("error", (error) => this.#log.error("web", "server", { why: error.message }));
    // Rejects never.
    void this.#parts.knowledge.sample();
    return listeningAt(this.#server, place);
  }

  /** New settings, or the previous ones if a file of them cannot be used. */
  reload(loaded: Placed): void {
    try {
      const fresh = this.#assemble(loaded);
      if (this.#isTls) {
        const tls = readTls(loaded.settings);
        if (tls !== undefined) {
          // Made with https.createServer where there is a certificate.
          (this.#server as HttpsServer).setSecureContext(pairOf(tls));
        }
      }
      this.#parts.entrance.close();
      this.#sessions.keep((user) => fresh.entrance.mayLook(user));
      this.#parts = fresh;
      this.#loaded = loaded;
      this.#server.maxConnections = loaded.settings.web.max_connections;
    } catch (error) {
      this.#log.error("web", "reload failed, keeping the previous settings", { why: errorMessage(error) });
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#server.close();
    this.#server.closeAllConnections();
    this.#parts.entrance.close();
  }

  #assemble(loaded: Placed): Parts {
    const { settings } = loaded;
    const samples: Samples | undefined = this.#parts?.knowledge.samples;
    return {
      entrance: new Entrance(settings, this.#guard, this.#log),
      knowledge: new Knowledge(loaded, trustOf(settings), this.#askTotals, samples),
      sessions: this.#sessions,
      refresh: this.#options.refresh,
      log: this.#log,
    };
  }
}

/** Browsers are asked for no certificate of their own. */
function pairOf({ cert, key, minVersion }: { cert: string; key: string; minVersion: "TLSv1.2" | "TLSv1.3" }) {
  return { cert, key, minVersion };
}
