/** Starts the status page where there is to be one; a relay without it loads none of its code. */
import type { Settings } from "../config/sections.ts";
import type { Totals } from "../ops/metrics.ts";
import type { Beside } from "../ops/worker-reports.ts";
import type { Log } from "../report/log.ts";

/** @param ask gives the counters of all processes @throws Error if it cannot listen */
export async function startStatusPage(
  config: string,
  { web }: Pick<Settings, "web">,
  ask: () => Promise<Totals>,
  log: Log,
): Promise<Beside | undefined> {
  if (web.listen === "") {
    return undefined;
  }
  const { startWeb } = await import("./host.ts");
  return await startWeb(config, ask, log);
}
