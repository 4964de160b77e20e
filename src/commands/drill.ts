/** `goodmailto drill`: the configuration in a sandbox, against what may break. */
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Command, InvalidArgumentError } from "commander";

import type { Case } from "../drill/cases.ts";
import type { Outcome } from "../drill/outcome.ts";
import type { Drill } from "../drill/run.ts";
import type { Site } from "../drill/sandbox.ts";
import { namesOf, summaryOf, textReport, verdictOf } from "../drill/report.ts";
import { exit } from "../ops/exit.ts";
import { defaultConfig, loadPlaced } from "../compose/settings.ts";
import { errorMessage } from "../report/error-message.ts";
import { visible } from "../report/visible.ts";
import { cases } from "../drill/cases.ts";

interface Words {
  readonly config: string;
  readonly only?: readonly Case[];
  readonly skip?: readonly Case[];
  readonly strict?: true;
  readonly json?: true;
  readonly html?: string;
}

/** Builds the verb. */
export function drillCommand(): Command {
  return new Command("drill")
    .description("Try the configuration in a sandbox against what may break, and show what senders would be answered")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--only <cases>", "cases or groups (directory, hop, list, clock), separated by commas", readCases)
    .option("--skip <cases>", "cases or groups that are not tried", readCases)
    .option("--strict", "exit 1 also for a case that the configuration does not protect from")
    .option("--json", "print one JSON object")
    .option("--html <file>", "also write the report as a page")
    .action(run);
}

function readCases(text: string): readonly Case[] {
  const wanted = text.split(",").map((word) => word.trim());
  const wrong = wanted.find((word) => !cases.some(({ name, group }) => word === name || word === group));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `there is no case "${visible(wrong)}"; cases: ${cases.map(({ name }) => name).join(", ")}`,
    );
  }
  return cases.filter(({ name, group }) => wanted.includes(name) || wanted.includes(group));
}

async function run({ config, only = cases, skip = [], strict, json, html }: Words): Promise<void> {
  const placed = loadPlaced(config, []);
  if (placed === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const [domain] = placed.settings.domains.relay;
  if (domain === undefined) {
    process.stderr.write(`${config}: [domains] relay has no domain to ask about\n`);
    process.exitCode = exit.config;
    return;
  }
  const wrong = html === undefined ? undefined : unwritable(html);
  if (wrong !== undefined) {
    process.stderr.write(`goodmailto: --html: ${wrong}\n`);
    process.exitCode = exit.usage;
    return;
  }
  const wanted = only.filter((one) => !skip.includes(one));
  if (wanted.length === 0) {
    process.stderr.write("goodmailto: --skip leaves no case to try\n");
    process.exitCode = exit.usage;
    return;
  }
  const outcomes = await hold({ placed, file: config, domain }, wanted, json === true, html);
  if (outcomes !== undefined) {
    const bad = [...namesOf(outcomes, "broken"), ...(strict === true ? namesOf(outcomes, "unprotected") : [])];
    process.exitCode = bad.length === 0 ? exit.ok : exit.refused;
  }
}

/** Said before the drill, which takes its time. */
function unwritable(file: string): string | undefined {
  try {
    closeSync(openSync(file, "a"));
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/** @returns undefined: it could not be held, and that is said */
async function hold(
  site: Site,
  only: readonly Case[],
  json: boolean,
  html: string | undefined,
): Promise<readonly Outcome[] | undefined> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "goodmailto-drill-"));
  const clean = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => process.exit(exit.temporary));
  }
  try {
    // Loaded when it is asked for: it holds the sync's code.
    const { runDrill } = await import("../drill/run.ts");
    // After what ends the processes.
    process.once("exit", clean);
    let count = 0;
    const drill = await runDrill(site, only, folder, (outcome) => {
      count += 1;
      process.stderr.write(`${count}/${only.length} ${outcome.title}: ${verdictOf(outcome)}\n`);
    });
    await print(drill, json, html);
    return drill.outcomes;
  } catch (error) {
    process.stderr.write(`goodmailto: ${visible(errorMessage(error))}\n`);
    process.exitCode = exit.unavailable;
    return undefined;
  } finally {
    clean();
  }
}

async function print({ outcomes, notes }: Drill, json: boolean, file: string | undefined): Promise<void> {
  if (file !== undefined) {
    const { pageOf } = await import("../drill/page.ts");
    writeFileSync(file, pageOf(outcomes, notes));
  }
  const held = namesOf(outcomes, "broken").length === 0;
  const unprotected = namesOf(outcomes, "unprotected");
  process.stdout.write(
    json
      ? `${JSON.stringify({ held, unprotected, summary: summaryOf(outcomes), notes, cases: outcomes })}\n`
      : textReport(outcomes, notes),
  );
}
