/** `goodmailto summary`: what was refused and delivered, by whom, and how long the next hops took. */
import { Command } from "commander";

import { readSince } from "../trace/since.ts";
import { openList } from "../compose/near-list.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { traceForCommand } from "../compose/trace-place.ts";
import { exit } from "../ops/exit.ts";
import { visible } from "../report/visible.ts";
import { summarise } from "../trace/summary.ts";
import type { Counted, Summary } from "../trace/summary.ts";

interface Words {
  readonly config: string;
  readonly since?: number;
  readonly top: string;
  readonly json?: true;
}

const help = `
A recipient with "(near …)" is one letter away from an address that the list has.
Exit status: 0 done, 69 there is no journal, or a part of it cannot be read, 2 usage error, 78 configuration error`;

/** Builds the verb. */
export function summaryCommand(): Command {
  return new Command("summary")
    .description("Count refusals and deliveries by reason, recipient, client and next hop ([trace])")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--since <time>", "today, yesterday, 3h, 7d, or ISO 8601 (default: yesterday)", readSince)
    .option("--top <number>", "lines of each list", "10")
    .option("--json", "print one JSON object")
    .addHelpText("after", help)
    .action(run);
}

/** A recipient, and whom it may have meant. */
interface Missed extends Counted {
  readonly near?: string;
}

function run({ config, since = readSince("yesterday"), top, json }: Words): void {
  const most = Number(top);
  if (!Number.isInteger(most) || most < 1 || most > 1000) {
    process.stderr.write("goodmailto: --top takes a number from 1 to 1000\n");
    process.exitCode = exit.usage;
    return;
  }
  const settings = loadSettings(config, []);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const place = traceForCommand(settings);
  if (place === undefined) {
    return;
  }
  const summary = summarise(place.folder, since, Date.now(), most);
  const list = settings.trace.addresses === "plain" ? openList(settings) : undefined;
  const recipients = summary.recipients.map((one): Missed => {
    const near = list?.near(one.name);
    return near === undefined ? one : { ...one, near };
  });
  list?.close();
  const facts = { ...summary, recipients };
  process.stdout.write(json === true ? `${JSON.stringify(facts, undefined, 2)}\n` : format(facts));
  summary.unread.forEach(({ path, why }) => process.stderr.write(`goodmailto: cannot read ${path}: ${why}\n`));
  process.exitCode = summary.unread.length > 0 ? exit.unavailable : exit.ok;
}

function format(summary: Summary & { readonly recipients: readonly Missed[] }): string {
  const { since, until, delivered } = summary;
  const { messages, recipients, bytes } = delivered;
  const list = (title: string, rows: readonly Missed[]): string =>
    rows.length === 0
      ? ""
      : `\n${title}\n${rows.map(({ name, count, near }) => `${String(count).padStart(9)}  ${visible(name)}${near === undefined ? "" : ` (near ${near})`}\n`).join("")}`;
  const hops = summary.slowest.map(
    ({ hop, messages: count, mean, longest }) =>
      `${String(count).padStart(9)}  ${hop}: ${mean} ms on average, ${longest} ms at most\n`,
  );
  return [
    `${new Date(since).toISOString()} to ${new Date(until).toISOString()}\n`,
    `delivered: ${messages} messages to ${recipients} recipients, ${bytes} bytes\n`,
    list("Refused, by stage", summary.refused),
    list("Refused, by who decided and why", summary.reasons),
    list("Recipients refused most often", summary.recipients),
    list("Clients refused most often", summary.clients),
    list("Blocked networks", summary.blocked),
    list("Senders of delivered messages", summary.senders),
    list("Replies of next hops", summary.hops),
    hops.length === 0 ? "" : `\nSlowest next hops\n${hops.join("")}`,
  ].join("");
}
