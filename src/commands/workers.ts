/** Several relay processes on one port: started, restarted when one dies, reloaded and stopped together. */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";

import type { Settings } from "../config/sections.ts";
import type { Log } from "../mail/log.ts";
import { parseEndpoint } from "../mail/network.ts";
import { metricsPage, sumTotals } from "../ops/metrics.ts";
import type { Gauge, Totals } from "../ops/metrics.ts";
import { serveMetrics } from "../ops/metrics-server.ts";
import { createNotifier } from "../ops/systemd.ts";
import { exit } from "./exit.ts";

/** A worker that dies sooner than this after its start is restarted later each time, up to the most. */
const steadyAfter = 10_000;
const mostDelay = 30_000;
const answerTimeout = 2000;

/** `[smtp] workers` as a number. */
export function workerCount(setting: string): number {
  return setting === "auto" ? availableParallelism() : Number(setting);
}

/** What a worker answers to "totals". */
interface Report {
  readonly totals: Totals;
  readonly gauges: readonly Gauge[];
  readonly notReady: string | undefined;
}

interface Worker {
  child: ChildProcess;
  startedAt: number;
  quickDeaths: number;
}

/** Runs until SIGTERM. A worker that cannot start at all (configuration, port) ends everything with its exit code. */
export async function superviseWorkers(config: string, settings: Settings, count: number, log: Log): Promise<void> {
  const workers: Worker[] = [];
  const notifier = createNotifier(process.env);
  let stopping = false;
  let ready = 0;

  const start = (index: number, quickDeaths: number): void => {
    const child = fork(process.argv[1] ?? "", ["serve", "--worker", "--config", config], { stdio: stdio() });
    workers[index] = { child, startedAt: performance.now(), quickDeaths };
    child.once("message", () => {
      ready++;
      if (ready === count) {
        notifier.ready(`${count} workers`);
        log.info("relay", "workers ready", { workers: count, pid: process.pid });
      }
    });
    child.once("exit", (code, signal) => died(index, code, signal));
  };

  const died = (index: number, code: number | null, signal: NodeJS.Signals | null): void => {
    if (stopping) {
      return;
    }
    const worker = workers[index];
    const quick = performance.now() - (worker?.startedAt ?? 0) < steadyAfter;
    if (ready < count && code !== null && code !== 0) {
      stopAll();
      process.exitCode = code;
      return;
    }
    const deaths = quick ? (worker?.quickDeaths ?? 0) + 1 : 0;
    const delay = Math.min(mostDelay, deaths * deaths * 100);
    log.error("relay", "a worker died and is started again", {
      code: code ?? undefined,
      signal: signal ?? undefined,
      delay_ms: delay,
    });
    setTimeout(() => (stopping ? undefined : start(index, deaths)), delay);
  };

  const stopAll = (): void => {
    stopping = true;
    for (const { child } of workers) {
      child.kill("SIGTERM");
    }
  };

  for (let i = 0; i < count; i++) {
    start(i, 0);
  }
  const server = await serveTotals(settings, workers);
  process.on("SIGHUP", () => {
    for (const { child } of workers) {
      child.kill("SIGHUP");
    }
  });
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      if (workers.every(({ child }) => child.exitCode !== null || child.signalCode !== null)) {
        resolve();
      }
    };
    const stop = (): void => {
      notifier.stopping();
      stopAll();
      workers.forEach(({ child }) => child.once("exit", finish));
      finish();
      // A worker that hangs is ended: systemd would do the same, later.
      setTimeout(
        () => workers.forEach(({ child }) => child.kill("SIGKILL")),
        settings.smtp.shutdown_timeout + 5000,
      ).unref();
    };
    process.once("SIGTERM", stop).once("SIGINT", stop);
    const waitForFailure = setInterval(() => (stopping ? finish() : undefined), 200).unref();
    void waitForFailure;
  });
  server?.close();
  notifier.close();
  process.exit(process.exitCode ?? exit.ok);
}

/** Workers inherit what systemd handed to us, at the same numbers. */
function stdio(): ("ignore" | "inherit" | "ipc" | number)[] {
  const inherited = Number(process.env["LISTEN_FDS"] ?? 0);
  const descriptors = Array.from({ length: inherited }, (_, i) => 3 + i);
  return ["ignore", "inherit", "inherit", ...descriptors, "ipc"];
}

async function serveTotals(settings: Settings, workers: readonly Worker[]): Promise<{ close(): void } | undefined> {
  const endpoint = parseEndpoint(settings.metrics.listen);
  if (endpoint === undefined) {
    return undefined;
  }
  let last: string | undefined = "workers have not answered yet";
  const pages = {
    metrics: async (): Promise<string> => {
      const reports = await Promise.all(workers.map(({ child }) => ask(child)));
      last = reports.map((report) => report.notReady).find((why) => why !== undefined);
      return metricsPage(sumTotals(reports.map(({ totals }) => totals)), reports[0]?.gauges ?? []);
    },
    notReady: (): string | undefined => last,
  };
  await pages.metrics().catch(() => undefined);
  return (await serveMetrics(endpoint, pages)).unref();
}

function ask(child: ChildProcess): Promise<Report> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("Worker does not answer")), answerTimeout);
    const take = (message: unknown): void => {
      if (typeof message === "object" && message !== null && "totals" in message) {
        clearTimeout(timer);
        child.off("message", take);
        resolve(message as Report);
      }
    };
    child.on("message", take);
    child.send("totals", (error) => (error === null ? undefined : reject(error)));
  });
}
