/** The thread of the status page: it reads the configuration by itself, serves, and asks the relay for its counters. */
import { parentPort, workerData } from "node:worker_threads";

import { loadPlaced } from "../compose/settings.ts";
import { errorCode, errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import type { Totals } from "../ops/metrics.ts";
import { within } from "../wait/within.ts";
import type { FromThread, Level, ToThread, WebOptions } from "./messages.ts";
import { WebServer } from "./server.ts";

/** ms that the relay may take to tell its counters. */
const patience = 3000;

const options: WebOptions = workerData;
const waiting = new Map<number, (totals: Totals | undefined) => void>();
let asked = 0;

function say(message: FromThread): void {
  parentPort?.postMessage(message, []);
}

const line =
  (level: Level): Log[Level] =>
  (part, event, fields = {}) =>
    say({ kind: "log", level, part, event, fields });

const log: Log = {
  debug: line("debug"),
  info: line("info"),
  warning: line("warning"),
  error: line("error"),
  verdict: () => undefined,
};

/** Undefined: the relay does not answer in time. */
async function askTotals(): Promise<Totals | undefined> {
  const id = ++asked;
  const { promise, resolve } = Promise.withResolvers<Totals | undefined>();
  waiting.set(id, resolve);
  say({ kind: "ask", id });
  try {
    return await within(promise, patience, "no counters");
  } catch {
    return undefined;
  } finally {
    waiting.delete(id);
  }
}

function hear(message: ToThread, server: WebServer): void {
  switch (message.kind) {
    case "alive":
      say({ kind: "alive" });
      break;
    case "answer":
      waiting.get(message.id)?.(message.totals);
      break;
    case "reload": {
      // Its errors are said where the relay reads it.
      const fresh = loadPlaced(options.config);
      if (fresh !== undefined) {
        server.reload(fresh);
      }
      break;
    }
    case "close":
      server.close();
      parentPort?.close();
      break;
  }
}

async function start(): Promise<void> {
  const loaded = loadPlaced(options.config);
  if (loaded === undefined) {
    throw new Error("the configuration has errors");
  }
  const server = new WebServer(loaded, options, askTotals, log);
  parentPort?.on("message", (message: ToThread) => hear(message, server));
  say({ kind: "ready", address: await server.listen() });
}

start().catch((error: unknown) => {
  say({ kind: "failed", code: errorCode(error), why: errorMessage(error) });
});
