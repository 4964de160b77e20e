/** `goodmailto export`: the list for a bastion that keeps its own mail server. */
import { Command, Option } from "commander";

import { ownDomains } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { listRecipients } from "../export/by-domain.ts";
import { nameDomains } from "../export/deliverable.ts";
import { ExportFault } from "../export/export-fault.ts";
import { formats } from "../export/formats.ts";
import type { Exported } from "../export/formats.ts";
import { replaceFile } from "../files/replace.ts";
import { createDomains } from "../mail/domains.ts";
import type { Image } from "../snapshot/image.ts";
import { exit } from "../ops/exit.ts";
import { recipientsOf } from "../compose/own-domains.ts";
import { createSourceHops } from "../compose/source-hops.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { openForCommand } from "../compose/trust.ts";

interface Options {
  readonly config: string;
  readonly format: string;
  readonly output?: string;
}

const nobody = "goodmailto export, nobody";

/** How many of those that cannot be written are named. */
const named = 5;

/** Builds the verb. */
export function exportCommand(): Command {
  return new Command("export")
    .description("Export the recipient list for another mail server")
    .addOption(
      new Option("--format <format>", "format of which program").choices(Object.keys(formats)).makeOptionMandatory(),
    )
    .option("-o, --output <file>", "replace this file atomically (default: standard output)")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .action(run);
}

function run({ config, format, output }: Options): void {
  const settings = loadSettings(config);
  const snapshot = settings === undefined ? undefined : openForCommand(settings);
  if (settings === undefined || snapshot === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const { image, state } = snapshot;
  try {
    if (image === undefined) {
      const why = state.kind === "unavailable" ? `${state.why}: ${state.detail}` : "closed";
      fail(exit.unavailable, `there is no valid snapshot at ${snapshot.path} (${why}), nothing written`);
    } else if (image.keyed) {
      fail(exit.guard, "a hashed snapshot cannot be exported: export from an unhashed one");
    } else {
      deliver(exportImage(image, settings, format), output);
      warn(otherDelimiters(settings), "domains have a recipient_delimiter of their own, which is not written");
    }
  } catch (error) {
    if (error instanceof ExportFault) {
      fail(exit.guard, `nothing written: ${error.message}`);
    } else if (error instanceof Error && "code" in error && output !== undefined) {
      fail(exit.unavailable, `nothing written to "${output}": ${error.message}`);
    } else {
      throw error;
    }
  } finally {
    snapshot.close();
  }
}

/**
 * The list of a plain snapshot in one of the formats.
 * @param now ms since 1970, by which `grace` is measured, as the relay does
 * @throws ExportFault
 */
export function exportImage(
  image: Image,
  settings: Pick<Settings, "domains" | "recipients" | "domain" | "source">,
  format: string,
  now = Date.now(),
): Exported {
  const make = formats[format];
  if (make === undefined) {
    throw new RangeError(`"${format}" is not a format`);
  }
  const names = nameDomains(settings.domains);
  return make(listRecipients(image, names, settings, now), {
    names,
    delimiter: settings.recipients.recipient_delimiter,
    hopOf: sourceHops(image, settings),
  });
}

function rethrow(error: unknown): void {
  throw error;
}

/** By the relay's own lookup, so that of several sources the same one counts. */
function sourceHops(
  image: Image,
  settings: Pick<Settings, "domains" | "recipients" | "domain" | "source">,
): (user: string, domain: string) => readonly string[] {
  const { created, since, rows, sources } = image;
  const state = { kind: "open", created, since, rows, sources } as const;
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const recipients = recipientsOf(settings, { image, state, fail: rethrow }, domains);
  const hopOf = createSourceHops(settings, domains, recipients);
  // Nobody is listed under this name, so that the catch-all answers.
  return (user, domain) =>
    hopOf?.({ raw: "", user: user === "" ? nobody : user === '""' ? "" : user, domain })?.next_hop ?? [];
}

/** A format has one for all domains. */
function otherDelimiters(settings: Settings): string[] {
  return ownDomains(settings)
    .filter(({ recipient_delimiter: own }) => own !== settings.recipients.recipient_delimiter)
    .map(({ name }) => name);
}

function deliver({ bytes, count, left, open }: Exported, output: string | undefined): void {
  if (output === undefined) {
    process.stdout.write(bytes);
  } else {
    replaceFile(output, bytes);
    process.stdout.write(`${output}: ${count} recipients\n`);
  }
  warn(left, "recipients cannot be written in this format");
  warn(open, "refusals of the list cannot be written in this format, a catch-all of it accepts them");
}

function warn(addresses: readonly string[], what: string): void {
  if (addresses.length > 0) {
    const list = `${addresses.slice(0, named).join(", ")}${addresses.length > named ? " …" : ""}`;
    process.stderr.write(`goodmailto: ${addresses.length} ${what}: ${list}\n`);
  }
}

function fail(code: number, why: string): void {
  process.stderr.write(`goodmailto: ${why}\n`);
  process.exitCode = code;
}
