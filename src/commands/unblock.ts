/** `goodmailto unblock`: ends the block of a network in all processes of the running relay, and in what they share. */
import { Command, Option } from "commander";

import { blockedNetwork, blockKinds } from "../compose/blocks.ts";
import type { Block, BlockKind } from "../compose/blocks.ts";
import { blockedEverywhere, endedAnywhere, tellSilent } from "../compose/running-relays.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import type { Network } from "../mail/blocks.ts";
import { askRelays } from "../ops/control-client.ts";
import { exit } from "../ops/exit.ts";
import { readNetwork } from "../state/client-blocks.ts";

const help = `
Only the block of exactly this network ends: a larger one around it is named, and stays.
Exit status: 0 it was blocked and is no longer, 1 it was not blocked, or still is by another block, 2 usage error,
  69 no relay runs, or one does not answer, 78 configuration error`;

interface Words {
  readonly config: string;
  readonly kind?: BlockKind;
}

/** Builds the verb. */
export function unblockCommand(): Command {
  return new Command("unblock")
    .description("End the block of a client, as goodmailto blocked prints it")
    .argument("<network>", "its IP address, where an IPv6 address stands for its /64, or a block such as 192.0.2.0/24")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .addOption(new Option("--kind <kind>", "end only this kind of block (default: each)").choices(blockKinds))
    .addHelpText("after", help)
    .action(run);
}

async function run(text: string, { config, kind }: Words): Promise<void> {
  const network = blockedNetwork(text);
  if (typeof network !== "string") {
    process.stderr.write(`goodmailto: "${text}" ${network.fault}\n`);
    process.exitCode = exit.usage;
    return;
  }
  const settings = loadSettings(config, []);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const folder = settings.smtp.status_folder;
  const asked = await askRelays(folder, { ask: "end blocks", network, kind });
  const ended = endedAnywhere(asked.answers);
  const isSilent = tellSilent(asked, folder);
  process.stdout.write(
    ended.length === 0
      ? `${network} was not blocked${kind === undefined ? "" : ` (${kind})`}\n`
      : `${network} is no longer blocked (${ended.join(", ")})\n`,
  );
  const left = around(network, blockedEverywhere((await askRelays(folder, { ask: "blocks" })).answers));
  process.stdout.write(
    left.map((block) => `${block.network} is still blocked (${block.kind}): ${block.why}\n`).join(""),
  );
  const isDone = ended.length > 0 && (kind !== undefined || left.length === 0);
  process.exitCode = isSilent ? exit.unavailable : isDone ? exit.ok : 1;
}

/** The blocks that this network is in. */
function around(network: string, blocks: readonly Block[]): Block[] {
  const own = readNetwork(network);
  return blocks.filter((block) => {
    const wide = readNetwork(block.network);
    return typeof own === "string" || typeof wide === "string" ? block.network === network : contains(wide, own);
  });
}

function contains(wide: Network, { family, bits, value }: Network): boolean {
  return wide.family === family && wide.bits <= bits && value >> BigInt(bits - wide.bits) === wide.value;
}
