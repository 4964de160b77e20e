/** `goodmailto blocked`: the networks that the running relay has blocked for asking for many unknown recipients. */
import { Command } from "commander";

import { blockedEverywhere, tellSilent } from "../compose/running-relays.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { askRelays } from "../ops/control-client.ts";
import { exit } from "../ops/exit.ts";

const help = `
Exit status: 0 done, 69 no relay runs, or one does not answer, 78 configuration error
Clients that the check blacklist blocks are listed by \`goodmailto blacklist list\`.`;

/** Builds the verb. */
export function blockedCommand(): Command {
  return new Command("blocked")
    .description("Print the networks that the running relay has blocked as harvesters")
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
  const asked = await askRelays(settings.smtp.status_folder, { ask: "blocked" });
  const blocked = blockedEverywhere(asked.answers);
  process.exitCode = tellSilent(asked, settings.smtp.status_folder) ? exit.unavailable : exit.ok;
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ blocked }, undefined, 2)}\n`
      : blocked.map(({ network, seconds }) => `${network}: ${seconds} s left\n`).join(""),
  );
}
