/** `goodmailto blocked`: every network that the running relay has blocked, why and until when. */
import { Command } from "commander";

import { blockedEverywhere, tellSilent } from "../compose/running-relays.ts";
import type { Block } from "../compose/blocks.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { askRelays } from "../ops/control-client.ts";
import { exit } from "../ops/exit.ts";
import { visible } from "../report/visible.ts";

const help = `
Kinds: harvest (many unknown recipients), logins (wrong passwords), connections ([limits] connection_rate),
  blacklist (the check blacklist, or goodmailto blacklist add)
Exit status: 0 done, 69 no relay runs, or one does not answer, 78 configuration error`;

/** Builds the verb. */
export function blockedCommand(): Command {
  return new Command("blocked")
    .description("Print who is blocked by the running relay, why and until when")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--json", "print one JSON object")
    .addHelpText("after", help)
    .action(run);
}

async function run({ config, json }: { config: string; json?: true }): Promise<void> {
  const settings = loadSettings(config, []);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const asked = await askRelays(settings.smtp.status_folder, { ask: "blocks" });
  const now = Date.now();
  const blocked = blockedEverywhere(asked.answers).map((block) => ({ ...block, until: untilOf(block, now) }));
  process.exitCode = tellSilent(asked, settings.smtp.status_folder) ? exit.unavailable : exit.ok;
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ blocked }, undefined, 2)}\n`
      : blocked
          .map(
            ({ network, kind, why, seconds, until }) =>
              `${network}: ${kind} until ${until} (${seconds} s left): ${visible(why)}\n`,
          )
          .join(""),
  );
}

function untilOf({ seconds }: Block, now: number): string {
  return new Date(now + seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}
