/** What one process says for all its workers: metrics, and the status page. */
import type { Settings } from "../config/sections.ts";
import { parseEndpoint } from "../mail/network.ts";
import { metricsPage } from "./exposition.ts";
import type { Format } from "./exposition.ts";
import type { Totals } from "./metrics.ts";
import { serveMetrics } from "./metrics-server.ts";
import type { Report } from "./worker.ts";

/** Something that a process runs beside the relay. */
export interface Beside {
  reload(): void;
  /** Never rejects. */
  close(): Promise<void>;
}

/** Starts the status page; undefined if there is to be none. @param ask gives the counters of all workers */
export type StartPage = (ask: () => Promise<Totals>) => Promise<Beside | undefined>;

/** What the supervisor does itself. */
export interface OwnParts {
  /**
   * Called at SIGHUP, after the workers were notified: to log what one process says for all, and to give the settings as
   * they are now; undefined if they have errors.
   */
  reloaded(): Settings | undefined;
  onHangup(reload: () => void): void;
  readonly startPage: StartPage;
}

/** Serves them. @throws the error of a port that is taken */
export async function serveReports(
  settings: Settings,
  report: () => Promise<Report>,
  startPage: StartPage,
): Promise<Beside> {
  const endpoint = parseEndpoint(settings.metrics.listen);
  const pages = {
    metrics: async (format: Format) => {
      const { totals, gauges } = await report();
      return metricsPage(totals, gauges, format);
    },
    notReady: async () => (await report()).notReady,
  };
  const server = endpoint === undefined ? undefined : await serveMetrics(endpoint, pages);
  server?.unref();
  const page = await startPage(async () => (await report()).totals);
  return {
    reload: () => page?.reload(),
    async close() {
      server?.close();
      await page?.close();
    },
  };
}
