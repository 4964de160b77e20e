/** `goodmailto config check | print | get | sample`. */
import { Command } from "commander";

import { loadConfig } from "../config/load.ts";
import { effectiveConfig, effectiveValue, nearestSetting } from "../config/effective.ts";
import { sampleConfig } from "../config/sample.ts";
import { formatFault } from "../config/toml.ts";
import type { Fault } from "../config/toml.ts";
import { deepFaults, deepWarnings } from "../compose/deep-check.ts";
import { faultyLines } from "../compose/list-warnings.ts";
import { senderMapWarnings } from "../compose/senders.ts";
import { exit } from "../ops/exit.ts";
import { sectionDocs } from "../compose/section-docs.ts";
import { defaultConfig, schema, schemaFor } from "../compose/settings.ts";
import { warningsOf } from "../compose/warnings.ts";

/** Builds the verb. */
export function configCommand(): Command {
  const command = new Command("config").description("Check or print the configuration");
  const file = ["-c, --config <file>", "configuration file", defaultConfig] as const;
  command
    .command("check")
    .description("Report every error and warning as file:line:column")
    .option(...file)
    .option("--strict", "treat warnings as errors")
    .addHelpText("after", "\nExit status: 0 no errors, 78 errors, or warnings with --strict")
    .action(check);
  command
    .command("print")
    .description("Print the effective settings and mark the defaults")
    .option(...file)
    .option("--changed", "only the settings that the file gives another value than the default")
    .action(print);
  command
    .command("get")
    .description("Print the effective value of one setting")
    .argument("<key>", "smtp.listen, source.0.url, checks.greylisting.mode: as faults name them")
    .option(...file)
    .addHelpText("after", "\nExit status: 0 printed, 2 there is no such setting, 78 errors in the configuration")
    .action(get);
  command.command("sample").description("Print every setting, commented out at its default").action(sample);
  return command;
}

/** Lines of list files that the relay would leave out. */
function badLines({ settings, given }: Loaded): Fault[] {
  return [...faultyLines(settings), ...senderMapWarnings(settings)].map(({ path, message }) =>
    given.fault(path, message),
  );
}

async function check({ config, strict }: { config: string; strict?: boolean }): Promise<void> {
  const loaded = loadConfig(config, schemaFor, ["relay", "sync", "scim"]);
  const faults = loaded.kind === "ok" ? await deepFaults(config, loaded) : loaded.faults.map(formatFault);
  const warnings =
    loaded.kind === "ok"
      ? [
          ...warningsOf(loaded, ["relay", "sync", "scim"]),
          ...badLines(loaded),
          ...(faults.length === 0 ? await deepWarnings(config, loaded) : []),
        ]
      : [];
  const lines = [...faults, ...warnings.map((warning) => `warning: ${formatFault(warning)}`)];
  process.stderr.write(lines.map((line) => `${line}\n`).join(""));
  if (faults.length > 0 || (strict === true && warnings.length > 0)) {
    process.exitCode = exit.config;
    return;
  }
  process.stdout.write(`${config}: no errors${warnings.length === 0 ? "" : `, ${counted(warnings.length)}`}\n`);
}

function counted(warnings: number): string {
  return warnings === 1 ? "1 warning" : `${warnings} warnings`;
}

type Loaded = Extract<ReturnType<typeof loadConfig>, { kind: "ok" }>;

/** The file, or its faults on standard error. */
function load(config: string): Loaded | undefined {
  const loaded = loadConfig(config, schemaFor, []);
  if (loaded.kind === "ok") {
    return loaded;
  }
  process.stderr.write(loaded.faults.map((fault) => `${formatFault(fault)}\n`).join(""));
  process.exitCode = exit.config;
  return undefined;
}

function print({ config, changed }: { config: string; changed?: boolean }): void {
  const loaded = load(config);
  if (loaded !== undefined) {
    process.stdout.write(effectiveConfig(loaded.schema, loaded.settings, loaded.given, changed));
  }
}

function get(key: string, { config }: { config: string }): void {
  const loaded = load(config);
  if (loaded === undefined) {
    return;
  }
  const value = effectiveValue(loaded.schema, loaded.settings, loaded.given, key);
  if (value === undefined) {
    const near = nearestSetting(loaded.schema, loaded.settings, loaded.given, key);
    const advice = near === undefined ? "`goodmailto config print` lists all" : `did you mean ${near}?`;
    process.stderr.write(`goodmailto: no such setting: ${key}; ${advice}\n`);
    process.exitCode = exit.usage;
    return;
  }
  // A text without its quotes, for the shell.
  process.stdout.write(`${value.startsWith('"') ? String(JSON.parse(value)) : value}\n`);
}

function sample(): void {
  process.stdout.write(sampleConfig(schema, sectionDocs));
}
