/**
 * `goodmailto observe report`: the result of observe mode. Exit 0 safe, 1 not safe, 75 too early to say, 69 nothing
 * seen.
 */
import { dirname } from "node:path";

import { Command, InvalidArgumentError } from "commander";

import { errorMessage } from "../report/error-message.ts";
import { parseDuration } from "../config/units.ts";
import type { Settings } from "../config/sections.ts";
import { nameDomains } from "../export/deliverable.ts";
import { exit } from "../ops/exit.ts";
import { judgeObserved, observedIn, usualEnough } from "../compose/observed.ts";
import { formatReport, gapsOf, isMissing } from "../observe/report.ts";
import type { ObserveReport } from "../observe/report.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { openForCommand } from "../compose/trust.ts";

interface Words {
  readonly config: string;
  readonly file?: string;
  readonly hint?: true;
  readonly json?: true;
  readonly most: number;
  readonly minRecipients: number;
  readonly minTime: number;
}

/** Addresses that the directory is asked about, and how long that may take in all, in ms. */
const maxHints = 100;
const hintTime = 120_000;

/** Builds the verb. */
export function observeCommand(): Command {
  const report = new Command("report")
    .description("Compare verdicts with the next hop's replies and judge whether enforcing is safe")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--file <file>", "file to read instead of [recipients] observe_file")
    .option("--hint", "search the directories for the missing addresses; run it where the sync runs")
    .option("--most <number>", "number of disagreements to list", parseCount, 50)
    .option(
      "--min-recipients <number>",
      "minimum number of recipients for a verdict of safe",
      parseCount,
      usualEnough.recipients,
    )
    .option("--min-time <duration>", "how long must be observed before it is safe", parseTime, usualEnough.time)
    .option("--json", "print one JSON object")
    .action(printReport);
  return new Command("observe").description("Evaluate observe mode").addCommand(report);
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new InvalidArgumentError("must be a whole number");
  }
  return Number(text);
}

function parseTime(text: string): number {
  const time = parseDuration(text);
  if (time === undefined) {
    throw new InvalidArgumentError('must be a duration such as "12h" or "7d"');
  }
  return time;
}

async function printReport(words: Words): Promise<void> {
  const settings = loadSettings(words.config, words.hint === true ? ["sync"] : []);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const file = words.file ?? settings.recipients.observe_file;
  const observed = observedIn(file);
  if (typeof observed === "string") {
    process.stderr.write(`goodmailto: ${observed}\n`);
    process.exitCode = exit.unavailable;
    return;
  }
  const enough = { recipients: words.minRecipients, time: words.minTime };
  const report = judgeObserved(settings, observed, enough, openForCommand(settings));
  const hinted = words.hint === true ? await addHints(report, settings, dirname(words.config)) : report;
  process.stdout.write(words.json === true ? `${JSON.stringify(hinted)}\n` : formatReport(hinted, words.most));
  process.exitCode = { safe: exit.ok, "not-safe": 1, "not-enough": exit.temporary, "cannot-tell": exit.temporary }[
    report.verdict
  ];
}

async function addHints(report: ObserveReport, settings: Settings, folder: string): Promise<ObserveReport> {
  // Only here: the relay's own verbs load no code that speaks LDAP.
  const { adviceFor, locate } = await import("../../sync/look/locate.ts");
  const asked = gapsOf(report.disagreements)
    .filter(isMissing)
    .slice(0, maxHints)
    .map(({ address }) => address);
  const hints = new Map<string, string[]>(asked.map((address) => [address, []]));
  const { namesOf } = nameDomains(settings.domains);
  const signal = AbortSignal.timeout(hintTime);
  let complete = true;
  for (const source of settings.source.filter(({ type }) => type === "ldap")) {
    try {
      for await (const { address, places } of locate(asked, source, folder, signal, namesOf)) {
        hints.get(address)?.push(...places.slice(0, 3).map(adviceFor));
      }
    } catch (error) {
      complete = false;
      process.stderr.write(`goodmailto: source "${source.name}" gives no hints: ${errorMessage(error)}\n`);
    }
  }
  const nowhere = complete ? ["no directory holds it: the next hop knows it from elsewhere, or accepts anything"] : [];
  return {
    ...report,
    disagreements: report.disagreements.map((one) => {
      const found = hints.get(one.address);
      return found === undefined || !isMissing(one) ? one : { ...one, hints: found.length > 0 ? found : nowhere };
    }),
  };
}
