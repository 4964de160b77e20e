/** `goodmailto canary`: asks the canaries once, for a timer where no `sync --cron` does so. docs/distribution.md. */
import { Command } from "commander";

import { canaryExit, canaryLine, CanaryWatch, lookEvery } from "../compose/canaries.ts";
import { defaultConfig } from "../compose/settings.ts";
import { loadPlan, lookAtCanaries } from "../compose/sync-run.ts";
import { createLog } from "../log/log.ts";
import { exit } from "../ops/exit.ts";

/** Builds the verb. */
export function canaryCommand(): Command {
  return new Command("canary")
    .description("Ask the canaries about the snapshot, and take it back if they refuse recipients that got mail")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .addHelpText(
      "after",
      "\nExit status: 0 nothing speaks against it, 65 taken back or should be, 75 try again, 78 configuration error",
    )
    .action(canary);
}

async function canary({ config }: { readonly config: string }): Promise<void> {
  const plan = loadPlan(config);
  if (plan === undefined || lookEvery(plan.settings) === 0) {
    if (plan !== undefined) {
      process.stderr.write(`${config}: needs [snapshot] canary and [guard] traffic\n`);
    }
    process.exitCode = exit.config;
    return;
  }
  const controller = new AbortController();
  const stop = (signal: string): void => controller.abort(new Error(`Stopped by ${signal}`));
  process.once("SIGTERM", stop).once("SIGINT", stop);
  const log = createLog(plan.settings.log);
  const outcome = await lookAtCanaries(plan, new CanaryWatch(), log, controller.signal, false);
  process.removeListener("SIGTERM", stop).removeListener("SIGINT", stop);
  process.stdout.write(canaryLine(outcome));
  process.exitCode = canaryExit(outcome);
}
