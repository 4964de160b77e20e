/** `goodmailto unblock`: lets a client connect again that the running relay has blocked as a harvester. */
import { isIP } from "node:net";

import { Command } from "commander";

import { tellSilent } from "../compose/running-relays.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { clientNetwork } from "../mail/client-network.ts";
import { normalIp } from "../mail/network.ts";
import { askRelays } from "../ops/control-client.ts";
import { exit } from "../ops/exit.ts";

const help = `
Exit status: 0 it was blocked and is no longer, 1 it was not blocked, 2 usage error,
  69 no relay runs, or one does not answer, 78 configuration error`;

/** Builds the verb. */
export function unblockCommand(): Command {
  return new Command("unblock")
    .description("Let a client connect again that the running relay has blocked as a harvester")
    .argument("<ip>", "its IP address; an IPv6 address stands for its /64")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .addHelpText("after", help)
    .action(run);
}

async function run(text: string, { config }: { config: string }): Promise<void> {
  const ip = text.replace(/\/64$/, "");
  if (isIP(ip) === 0) {
    process.stderr.write(`goodmailto: no IP address: ${text}\n`);
    process.exitCode = exit.usage;
    return;
  }
  const settings = loadSettings(config, []);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const asked = await askRelays(settings.smtp.status_folder, { ask: "unblock", ip });
  const wasBlocked = asked.answers.some(({ unblocked }) => unblocked === true);
  const isSilent = tellSilent(asked, settings.smtp.status_folder);
  process.stdout.write(`${clientNetwork(normalIp(ip))} ${wasBlocked ? "is no longer blocked" : "was not blocked"}\n`);
  process.exitCode = isSilent ? exit.unavailable : wasBlocked ? exit.ok : 1;
}
