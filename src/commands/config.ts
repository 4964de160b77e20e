/** `goodmailto config check | print | sample`. */
import { Command } from "commander";

import { loadConfig } from "../config/load.ts";
import { effectiveConfig, sampleConfig } from "../config/sample.ts";
import { formatFault } from "../config/toml.ts";
import { deepFaults } from "../compose/deep-check.ts";
import { exit } from "../ops/exit.ts";
import { sectionDocs } from "../compose/section-docs.ts";
import { defaultConfig, schema } from "../compose/settings.ts";

/** Builds the verb. */
export function configCommand(): Command {
  const command = new Command("config").description("check or print the configuration");
  const file = ["-c, --config <file>", "configuration file", defaultConfig] as const;
  command
    .command("check")
    .description("names every fault with file:line:column; exit 0 or 78")
    .option(...file)
    .action(check);
  command
    .command("print")
    .description("prints the effective values and which are defaults")
    .option(...file)
    .action(print);
  command.command("sample").description("prints every setting, commented out at its default").action(sample);
  return command;
}

async function check({ config }: { config: string }): Promise<void> {
  const loaded = loadConfig(config, schema, ["relay", "sync"]);
  const faults = loaded.kind === "ok" ? await deepFaults(config, loaded) : loaded.faults.map(formatFault);
  if (faults.length === 0) {
    process.stdout.write(`${config}: no faults\n`);
    return;
  }
  process.stderr.write(faults.map((fault) => `${fault}\n`).join(""));
  process.exitCode = exit.config;
}

function print({ config }: { config: string }): void {
  const loaded = loadConfig(config, schema, []);
  if (loaded.kind === "ok") {
    process.stdout.write(effectiveConfig(schema, loaded.settings, loaded.given));
    return;
  }
  process.stderr.write(loaded.faults.map((fault) => `${formatFault(fault)}\n`).join(""));
  process.exitCode = exit.config;
}

function sample(): void {
  process.stdout.write(sampleConfig(schema, sectionDocs));
}
