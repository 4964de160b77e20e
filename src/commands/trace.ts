/** `goodmailto trace`: what the journal says of an address, a client, a reference or a Message-ID. */
import { Command, InvalidArgumentError } from "commander";

import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { traceForCommand } from "../compose/trace-place.ts";
import { printEvent } from "../log/event-line.ts";
import { exit } from "../ops/exit.ts";
import type { MailEvent } from "../report/event.ts";
import { searchJournal } from "../trace/search.ts";
import type { Readings } from "../trace/search.ts";
import { readWanted } from "../trace/search-keys.ts";
import { readSince } from "../trace/since.ts";

interface Words {
  readonly config: string;
  readonly since?: number;
  readonly limit: number;
  readonly json?: true;
}

const help = `
Exit status: 0 found, 1 nothing found, 69 there is no journal, or a part of it cannot be read,
  2 usage error, 78 configuration error`;

/** Builds the verb. */
export function traceCommand(): Command {
  return new Command("trace")
    .description("Print the refusals and deliveries of an address, a client, a reference or a Message-ID ([trace])")
    .argument("<what>", "an address, an IP address, a reference, a Message-ID, or a queue id of the next hop")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--since <time>", "today, yesterday, 3h, 7d, or ISO 8601 (default: all that is kept)", readSince)
    .option("--limit <number>", "print only the newest", readLimit, 1000)
    .option("--json", "print one JSON object")
    .addHelpText("after", help)
    .action(trace);
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000_000) {
    throw new InvalidArgumentError("Give a number from 1 to 1000000.");
  }
  return limit;
}

function trace(what: string, { config, since = 0, limit, json }: Words): void {
  const settings = loadSettings(config, []);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const place = traceForCommand(settings);
  if (place === undefined) {
    return;
  }
  const readings = searchJournal(place.folder, readWanted(what, place.keyed), since, limit);
  process.stdout.write(json === true ? printJson(readings) : readings.found.map(printEvent).join(""));
  for (const { path, why } of readings.unread) {
    process.stderr.write(`goodmailto: cannot read ${path}: ${why}\n`);
  }
  process.exitCode = readings.unread.length > 0 ? exit.unavailable : readings.found.length === 0 ? 1 : exit.ok;
}

function printJson({ found, unread }: Readings<MailEvent>): string {
  const events = found.map(({ at, ...event }) => ({ time: new Date(at).toISOString(), ...event }));
  return `${JSON.stringify({ events, unread }, undefined, 2)}\n`;
}
