/** `goodmailto serve`: the relay, in one process or in several that share the port. */
import { Socket } from "node:net";

import { Command } from "commander";

import { errorMessage } from "../report/error-message.ts";
import { loadConfig } from "../config/load.ts";
import { needsRestart } from "../config/restart.ts";
import { wantedConnections } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import type { Log } from "../report/log.ts";
import { parseEndpoint } from "../mail/network.ts";
import { keepCompiledCode, keepObjectsYoung, keepRoomForYoung } from "../ops/collector.ts";
import { inlineMore } from "../ops/compiler.ts";
import { affordable, scarceDescriptors } from "../ops/descriptors.ts";
import { createLog } from "../log/log.ts";
import type { OpenLog } from "../log/log.ts";
import { metricsPage } from "../ops/exposition.ts";
import type { Format } from "../ops/exposition.ts";
import { createMetrics, joinGauges } from "../ops/metrics.ts";
import type { Gauge, Metrics, Totals } from "../ops/metrics.ts";
import { processGauges } from "../ops/process-gauges.ts";
import { isQuestion } from "../ops/worker.ts";
import { serveMetrics } from "../ops/metrics-server.ts";
import { serveControl } from "../ops/control-socket.ts";
import { createNotifier } from "../ops/systemd.ts";
import { exit } from "../ops/exit.ts";
import { holdHangups } from "../ops/hangup.ts";
import { countedChecks } from "../compose/counted-checks.ts";
import { fingerprintOf } from "../compose/fingerprint.ts";
import { explainStart } from "../compose/start-fault.ts";
import { startRelay } from "../compose/relay.ts";
import { shareCopies } from "../compose/shared-copies.ts";
import type { Relay } from "../compose/relay.ts";
import { noteRunning } from "../compose/running-relay.ts";
import { defaultConfig, loadPlaced, schema, schemaFor } from "../compose/settings.ts";
import { isHanded } from "../ops/lookup-sockets.ts";
import type { StartPage } from "../ops/worker-reports.ts";
import { startStatusPage } from "../web/start.ts";
import { superviseWorkers, workerCount } from "../ops/workers.ts";
import { logWarnings } from "../compose/warnings.ts";

/** Builds the verb. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("Run the relay in the foreground")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--worker", "internal: serve as one of several processes")
    .action(serve);
}

async function serve(options: { config: string; worker?: boolean }): Promise<void> {
  const onHangup = holdHangups();
  const loaded = loadPlaced(options.config);
  if (loaded === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const { settings } = loaded;
  const log = createLog(settings.log);
  if (options.worker !== true) {
    logWarnings(loaded, log);
    shareCopies(settings, log);
  }
  const workers = workerCount(settings.smtp.workers);
  if (workers > 1 && options.worker !== true) {
    keepRoomForYoung();
    try {
      const reloaded = (): Settings | undefined => {
        log.reopen();
        return freshOf(options.config, settings, log);
      };
      const startPage: StartPage = (ask) => startStatusPage(options.config, settings, ask, log);
      await superviseWorkers(options.config, settings, workers, log, { reloaded, onHangup, startPage });
    } catch (error) {
      process.exitCode = explainStart(error, log);
    }
    return;
  }
  await serveHere(options.config, settings, log, options.worker === true, onHangup);
}

async function serveHere(
  config: string,
  settings: Settings,
  log: OpenLog,
  worker: boolean,
  onHangup: (reload: () => void) => void,
): Promise<void> {
  const metrics = createMetrics(countedChecks(settings));
  const relay = await startServing(settings, log, metrics, worker);
  const ask = worker ? undefined : async (): Promise<Totals> => metrics.totals();
  const note = await beAskable(config, settings, relay, log, ask);
  log.info("relay", "ready", { listen: relay.addresses.join(" "), pid: process.pid });
  const notifier = createNotifier(worker ? {} : process.env);
  notifier.ready(`listening on ${relay.addresses.join(", ")}`);
  let stopping = false;
  const stop = (): void => {
    // A second signal (from the supervisor and the terminal, say) must not cut off what is in flight.
    if (stopping) {
      return;
    }
    stopping = true;
    log.info("relay", "stopping", { pid: process.pid });
    // Rejects never; and the process ends when nothing is left to do, or at once after the wait.
    void Promise.all([relay.stop(), notifier.stopping(), note.close()])
      .then(() => log.close())
      .then(() => process.exit(exit.ok));
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  onHangup(() => {
    log.reopen();
    const fresh = reloadRelay(config, relay, log, worker ? undefined : settings);
    if (fresh !== undefined) {
      metrics.start(countedChecks(fresh));
      note.reloaded(fingerprintOf(fresh), Date.now());
    }
  });
  if (worker) {
    answerSupervisor(relay, metrics, stop);
  }
}

async function startPageOrEnd(...given: Parameters<typeof startStatusPage>): ReturnType<typeof startStatusPage> {
  try {
    return await startStatusPage(...given);
  } catch (error) {
    process.exitCode = explainStart(error, given[3]);
    // As with the relay itself: half of it must not stay.
    process.exit();
  }
}

/**
 * What commands beside it can read and ask, and the status page.
 * @param ask gives the counters; undefined: the supervisor has the page
 */
async function beAskable(config: string, settings: Settings, relay: Relay, log: Log, ask?: () => Promise<Totals>) {
  const note = noteRunning(config, settings, relay.snapshot, log);
  const closeControl = await serveControl(settings.smtp.status_folder, relay.answer, log);
  const page = ask === undefined ? undefined : await startPageOrEnd(config, settings, ask, log);
  return {
    reloaded(fingerprint: string, at: number): void {
      note.reloaded(fingerprint, at);
      page?.reload();
    },
    async close(): Promise<void> {
      note.close();
      closeControl();
      await page?.close();
    },
  };
}

function answerSupervisor(relay: Relay, metrics: Metrics, stop: () => void): void {
  process.on("message", (message, handle) => {
    if (isHanded(message)) {
      // What was sent with it; undefined where the client has gone meanwhile.
      if (handle instanceof Socket) {
        relay.take(message.lookup, handle);
      }
    } else if (isQuestion(message)) {
      const { ask, number } = message;
      const answer = (gauges: readonly Gauge[]): void =>
        void process.send?.({ number, totals: metrics.totals(), gauges, notReady: notReady(relay) });
      // Rejects never.
      void (ask === "report" ? relay.gauges().then(answer) : answer([]));
    }
  });
  // The supervisor is gone: nothing would ever stop this worker.
  process.once("disconnect", stop);
  process.send?.({ ready: relay.addresses });
}

/** How long a start waits for what next hops offer, in ms: one that is down must not keep the relay from mail. */
const hopsPatience = 2000;

/** The relay, and the metrics of one that is alone; where they cannot start, the process ends. */
async function startServing(settings: Settings, log: Log, metrics: Metrics, worker: boolean): Promise<Relay> {
  keepObjectsYoung();
  keepCompiledCode();
  inlineMore();
  try {
    const relay = await startRelay(settings, log, metrics, { shared: worker, patience: hopsPatience });
    const endpoint = parseEndpoint(settings.metrics.listen);
    if (endpoint !== undefined && !worker) {
      const pages = {
        metrics: async (format: Format) =>
          metricsPage(metrics.totals(), joinGauges([await relay.gauges(), processGauges(1)]), format),
        notReady: () => notReady(relay),
      };
      (await serveMetrics(endpoint, pages)).unref();
    }
    warnOfDescriptors(settings, log);
    return relay;
  } catch (error) {
    process.exitCode = explainStart(error, log);
    // Half a relay must not stay: what was opened so far is let go.
    process.exit();
  }
}

function warnOfDescriptors(settings: Settings, log: Log): void {
  const wanted = wantedConnections(settings);
  const why = scarceDescriptors(wanted.sessions, wanted.lookups);
  if (why !== undefined) {
    const { sessions, lookups } = affordable(wanted.sessions, wanted.lookups);
    const room = { ...(wanted.sessions > 0 ? { sessions } : {}), ...(wanted.lookups > 0 ? { lookups } : {}) };
    log.warning("relay", "too few file descriptors for max_connections, serving fewer sessions", { ...room, why });
  }
}

/** The settings as the file has them now, with its warnings in the log; its errors are the workers' to report. */
function freshOf(config: string, started: Settings, log: Log): Settings | undefined {
  const loaded = loadConfig(config, schemaFor, ["relay"]);
  if (loaded.kind === "ok") {
    logRestart(started, loaded.settings, log);
    logWarnings(loaded, log);
  }
  return loaded.kind === "ok" ? loaded.settings : undefined;
}

/** What of a reloaded file has no effect yet. */
function logRestart(started: Settings, now: Settings, log: Log): void {
  const settings = needsRestart(schema, started, now);
  if (settings.length > 0) {
    log.warning("relay", "changed settings need a restart", { settings: settings.join("; ") });
  }
}

/** New settings for new sessions, or a word on why not. @returns the settings that are in use now, if they are new */
function reloadRelay(config: string, relay: Relay, log: Log, started: Settings | undefined): Settings | undefined {
  try {
    const loaded = loadPlaced(config);
    if (loaded === undefined) {
      log.error("relay", "reload failed, keeping the previous settings", { file: config });
      return undefined;
    }
    relay.reload(loaded.settings);
    if (started !== undefined) {
      logRestart(started, loaded.settings, log);
      logWarnings(loaded, log);
    }
    log.info("relay", "reloaded", { file: config });
    return loaded.settings;
  } catch (error) {
    log.error("relay", "reload failed, keeping the previous settings", { why: errorMessage(error) });
    return undefined;
  }
}

function notReady({ snapshot }: Relay): string | undefined {
  return snapshot.state.kind === "open" ? undefined : `no snapshot: ${snapshot.state.why}`;
}
