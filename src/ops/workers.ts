/** Several relay processes on one port: started, restarted when one dies, reloaded and stopped together. */
import { fork } from "node:child_process";
import type { Socket } from "node:net";
import { availableParallelism } from "node:os";

import type { Settings } from "../config/sections.ts";
import type { OpenLog } from "../log/log.ts";
import type { Log } from "../report/log.ts";
import { joinGauges, sumTotals } from "./metrics.ts";
import type { Totals } from "./metrics.ts";
import { createNotifier, watchdogPeriod } from "./systemd.ts";
import { exit } from "./exit.ts";
import { workerVariable } from "../state/worker-index.ts";
import { listenForWorkers } from "./lookup-sockets.ts";
import type { HandedSocket } from "./lookup-sockets.ts";
import { probePorts } from "./ports.ts";
import { processGauges } from "./process-gauges.ts";
import { ask } from "./worker.ts";
import type { Report, Worker } from "./worker.ts";
import { serveReports } from "./worker-reports.ts";
import type { OwnParts } from "./worker-reports.ts";

/** A worker that dies sooner than this after its start is restarted later each time, up to the most. */
const steadyAfter = 10_000;
const mostDelay = 30_000;
/** Workers are asked three times in so many ms, as systemd's watchdog would; one that misses three times hangs. */
const usualPeriod = 30_000;
const mostMissed = 3;
/** How long after its own shutdown_timeout a worker counts as hanging. */
const stopGrace = 5000;

/** `[smtp] workers` as a number. */
export function workerCount(setting: number | "auto"): number {
  return setting === "auto" ? availableParallelism() : setting;
}

/**
 * Runs until SIGTERM. A worker that cannot start at all (configuration, port) ends everything with its exit code.
 * @throws the error of a metrics port that is taken; nothing is started then
 */
export async function superviseWorkers(
  config: string,
  settings: Settings,
  count: number,
  log: OpenLog,
  own: OwnParts,
): Promise<void> {
  let { shutdown_timeout: wait } = settings.smtp;
  const notifier = createNotifier(process.env);
  const fleet = new Fleet(config, count, log, () => {
    notifier.ready(`${count} workers`);
    log.info("relay", "workers ready", { workers: count, pid: process.pid });
  });
  await probePorts(settings);
  const lookups = await listenForWorkers(settings, (message, socket) => fleet.hand(message, socket));
  const reports = await serveReports(settings, () => fleet.report(), own.startPage);
  let told: Promise<void> | undefined;
  const stop = (): void => {
    told ??= notifier.stopping();
    lookups.forEach((each) => each.close());
    fleet.stop(wait + stopGrace);
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  fleet.start();
  own.onHangup(() => {
    fleet.reload();
    wait = own.reloaded()?.smtp.shutdown_timeout ?? wait;
    reports.reload();
  });
  const period = watchdogPeriod(process.env) ?? usualPeriod;
  const pulse = setInterval(() => fleet.killHanging(), period / mostMissed).unref();
  const code = await fleet.ended;
  clearInterval(pulse);
  await told;
  await reports.close();
  notifier.close();
  await log.close();
  process.exit(code);
}

/** The workers, by their place. */
class Fleet {
  readonly ended: Promise<number>;
  readonly #config: string;
  readonly #count: number;
  readonly #log: Log;
  readonly #onReady: () => void;
  readonly #workers: Worker[] = [];
  /** What dead workers had counted: a counter must not go backwards. */
  #buried: Totals = {};
  #ready = 0;
  #handed = 0;
  #stopping = false;
  #code: number = exit.ok;
  #end: (code: number) => void = () => undefined;

  constructor(config: string, count: number, log: Log, onReady: () => void) {
    this.#config = config;
    this.#count = count;
    this.#log = log;
    this.#onReady = onReady;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  start(): void {
    for (let index = 0; index < this.#count; index++) {
      this.#start(index, 0);
    }
  }

  /** A worker that is not ready yet would end at the signal; it may have read the old file. */
  reload(): void {
    for (const worker of this.#workers) {
      worker.reload = !worker.ready;
      if (worker.ready) {
        worker.child.kill("SIGHUP");
      }
    }
  }

  /** Gives a connection to the next worker that is ready. */
  hand(message: HandedSocket, socket: Socket): void {
    const ready = this.#workers.filter((worker) => worker.ready && worker.child.connected);
    const worker = ready[this.#handed++ % Math.max(1, ready.length)];
    if (worker === undefined) {
      socket.destroy();
    } else {
      worker.child.send(message, socket, (error) => (error === null ? undefined : socket.destroy()));
    }
  }

  signal(signal: NodeJS.Signals): void {
    for (const { child } of this.#workers) {
      child.kill(signal);
    }
  }

  /** @param grace ms until those that have not ended are killed: systemd would do the same, later */
  stop(grace: number): void {
    if (this.#stopping) {
      return;
    }
    this.#stopping = true;
    this.signal("SIGTERM");
    setTimeout(() => this.signal("SIGKILL"), grace).unref();
    this.#endIfDone();
  }

  /** Counters and gauges of all workers. @throws Error if one does not answer */
  async report(): Promise<Report> {
    const alive = this.#workers.filter(({ child }) => child.connected);
    const reports = await Promise.all(alive.map((worker) => ask(worker, "report")));
    return {
      totals: sumTotals([this.#buried, ...reports.map(({ totals }) => totals)]),
      gauges: joinGauges([...reports.map(({ gauges }) => gauges), processGauges(reports.length)]),
      notReady:
        reports.length === 0
          ? "no worker runs"
          : reports.map(({ notReady }) => notReady).find((why) => why !== undefined),
    };
  }

  /** Asks every worker for a sign of life. */
  killHanging(): void {
    for (const worker of this.#workers.filter(({ child, ready }) => ready && child.connected)) {
      ask(worker, "totals").then(
        () => (worker.missed = 0),
        () => {
          worker.missed++;
          if (worker.missed === mostMissed) {
            this.#log.error("relay", "worker does not answer, killing it", { pid: worker.child.pid });
            worker.child.kill("SIGKILL");
          }
        },
      );
    }
  }

  #start(index: number, quickDeaths: number): void {
    const env = { ...process.env, [workerVariable]: String(index) };
    const child = fork(process.argv[1] ?? "", ["serve", "--worker", "--config", this.#config], { stdio: stdio(), env });
    const worker = {
      child,
      startedAt: performance.now(),
      quickDeaths,
      totals: {},
      ready: false,
      reload: false,
      missed: 0,
    };
    this.#workers[index] = worker;
    const listen = (message: unknown): void => {
      if (typeof message === "object" && message !== null && "ready" in message) {
        worker.ready = true;
        if (worker.reload) {
          child.kill("SIGHUP");
        }
        if (++this.#ready === this.#count) {
          this.#onReady();
        }
      }
    };
    child.on("message", listen);
    // EPIPE and the like: its exit is what matters.
    child.on("error", (error) => this.#log.error("relay", "worker", { why: error.message }));
    child.once("exit", (code, signal) => this.#died(index, code, signal));
  }

  #died(index: number, code: number | null, signal: NodeJS.Signals | null): void {
    const worker = this.#workers[index];
    if (this.#stopping || worker === undefined) {
      this.#endIfDone();
      return;
    }
    this.#buried = sumTotals([this.#buried, worker.totals, { worker_restarts: 1 }]);
    worker.totals = {};
    if (this.#ready < this.#count && code !== null && code !== 0) {
      this.#code = code;
      this.stop(stopGrace);
      return;
    }
    const quick = performance.now() - worker.startedAt < steadyAfter;
    const deaths = quick ? worker.quickDeaths + 1 : 0;
    const delay = Math.min(mostDelay, deaths * deaths * 100);
    const fields = { code: code ?? undefined, signal: signal ?? undefined, delay_ms: delay };
    this.#log.error("relay", "worker ended, starting it again", fields);
    setTimeout(() => (this.#stopping ? undefined : this.#start(index, deaths)), delay);
  }

  #endIfDone(): void {
    if (this.#workers.every(({ child }) => child.exitCode !== null || child.signalCode !== null)) {
      this.#end(this.#code);
    }
  }
}

/** Workers inherit what systemd handed to the supervisor, at the same numbers. */
function stdio(): ("ignore" | "inherit" | "ipc" | number)[] {
  const inherited = Number(process.env["LISTEN_FDS"] ?? 0);
  const descriptors = Array.from({ length: inherited }, (_, i) => 3 + i);
  return ["ignore", "inherit", "inherit", ...descriptors, "ipc"];
}
