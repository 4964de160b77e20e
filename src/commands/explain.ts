/** `goodmailto explain`: what the answer to a recipient was at a time and why, and since when it exists or is gone. */
import { Command } from "commander";

import { parseTime } from "../../sync/remember/history.ts";
import type { Settings } from "../config/sections.ts";
import { parseMailbox } from "../mail/address.ts";
import { printEvent } from "../log/event-line.ts";
import { searchJournal } from "../trace/search.ts";
import { isReference, readWanted } from "../trace/search-keys.ts";
import type { Trust } from "../snapshot/trust.ts";
import { explainAt, explainEvents } from "../compose/explained.ts";
import type { Facts } from "../compose/explained.ts";
import { settingLines } from "../compose/would-answer.ts";
import { exit } from "../ops/exit.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { traceForCommand } from "../compose/trace-place.ts";
import { trustForCommand } from "../compose/trust.ts";
import { iso } from "../report/iso-time.ts";

interface Words {
  readonly config: string;
  readonly at?: string;
  readonly json?: true;
}

/** Events of a session that are explained, at most. */
const mostEvents = 100;

const help = `
Exit status: 0 accepted, or what the reference stands for, 1 refused, 2 usage error,
  69 no snapshot of that time, no journal, or nothing of that reference in it, 78 configuration error`;

/** Builds the verb. */
export function explainCommand(): Command {
  return new Command("explain")
    .description("Explain the reply to a recipient, now or at a given time, and since when it applies")
    .argument("<address>", "a recipient as RCPT TO would name it, or a reference of the journal ([trace])")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--at <time>", "ISO 8601, such as 2026-11-21T14:30:00Z (default: now)")
    .option("--json", "print one JSON object")
    .addHelpText("after", help)
    .action(explain);
}

async function explain(text: string, words: Words): Promise<void> {
  const settings = loadSettings(words.config, []);
  const trust = settings === undefined ? undefined : trustForCommand(settings);
  if (settings === undefined || trust === undefined) {
    process.exitCode = exit.config;
    return;
  }
  if (isReference(text)) {
    return explainReference(settings, trust, text, words);
  }
  const mailbox = parseMailbox(text.replace(/^<(.*)>$/, "$1"));
  const time = words.at === undefined ? Date.now() : parseTime(words.at);
  if (mailbox === undefined || time === undefined) {
    process.stderr.write(`goodmailto: ${mailbox === undefined ? `no address: ${text}` : `no time: ${words.at}`}\n`);
    process.exitCode = exit.usage;
    return;
  }
  if (time > Date.now()) {
    process.stderr.write(`goodmailto: ${iso(time)} is in the future: no list of then is known\n`);
    process.exitCode = exit.usage;
    return;
  }
  const facts = await explainAt(settings, trust, mailbox, text, time);
  if (typeof facts === "string") {
    return sayUnknown(facts);
  }
  process.stdout.write(words.json === true ? `${JSON.stringify(facts, undefined, 2)}\n` : format(facts));
  process.exitCode = facts.verdict === "refused" ? exit.refused : exit.ok;
}

/** What the journal has of a session or message, and for each recipient what the list said then. */
async function explainReference(settings: Settings, trust: Trust, ref: string, words: Words): Promise<void> {
  const place = traceForCommand(settings);
  if (place === undefined) {
    return;
  }
  const { found, unread } = searchJournal(place.folder, readWanted(ref, place.keyed), 0, mostEvents);
  if (found.length === 0) {
    return sayUnknown(
      [`the journal has nothing of ${ref}`, ...unread.map(({ path, why }) => `${path}: ${why}`)].join("; "),
    );
  }
  const explained = await explainEvents(settings, trust, found);
  process.stdout.write(
    words.json === true
      ? `${JSON.stringify(explained, undefined, 2)}\n`
      : explained.map(({ event, recipients }) => printEvent(event) + recipients.map(formatOne).join("")).join(""),
  );
}

function formatOne(facts: Facts | string): string {
  return typeof facts === "string" ? `  not known: ${facts}\n` : format(facts).replaceAll(/^(?=.)/gm, "  ");
}

function sayUnknown(why: string): void {
  process.stderr.write(`goodmailto: not known: ${why}\n`);
  process.exitCode = exit.unavailable;
}

function format(facts: Facts): string {
  const { address, at, verdict, reply, why, list, served_from: from, since, waits_until: until } = facts;
  const waits =
    until === undefined ? "" : `; until ${until} a relay with [snapshot] canary also accepts whom the list before has`;
  return `${address} at ${at}: ${verdict}\n  reply: ${reply}\n  why: ${why}\n${settingLines(facts)}  list: ${list}, served from ${from}${waits}\n  since: ${since}\n`;
}
