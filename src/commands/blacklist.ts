/** `goodmailto blacklist`: who is blocked by the check blacklist, changed by hand or by another program's output. */
import { isIP } from "node:net";
import { createInterface } from "node:readline";

import { Command, InvalidArgumentError } from "commander";

import { isInstances } from "../config/check-sections.ts";
import type { CheckTable } from "../config/check-sections.ts";
import { valueAt } from "../config/shape.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { stateBeside } from "../compose/state.ts";
import { parseDuration } from "../config/units.ts";
import { formatNetwork } from "../mail/blocks.ts";
import type { Network } from "../mail/blocks.ts";
import { exit } from "../ops/exit.ts";
import { silentLog } from "../report/log.ts";
import { ClientBlocks, longestBlock, mostBlocks, readNetwork } from "../state/client-blocks.ts";
import type { ClientBlock } from "../state/client-blocks.ts";
import type { Unavailable } from "../state/table.ts";

interface Words {
  readonly config: string;
  readonly ttl?: number;
  readonly why?: string;
  readonly by?: string;
  readonly json?: true;
}

/** What the state did; an error of it ends the command. */
class StateFault extends Error {}

const status = `
Exit status: 0 done (test: every address is blocked), 1 test: at least one address is not blocked,
  2 usage error, 65 an address cannot be read (the others are done), 69 the state does not answer,
  78 configuration error`;

/** Builds the verb. */
export function blacklistCommand(): Command {
  const verb = new Command("blacklist")
    .description("List, add and remove clients that the check blacklist blocks")
    .addHelpText("after", status);
  const inner = (name: string, description: string): Command =>
    new Command(name)
      .description(description)
      .option("-c, --config <file>", "configuration file", defaultConfig)
      .addHelpText("after", status);
  const addresses = "IP addresses or blocks (192.0.2.0/24); none or -: one per line of standard input";
  verb.addCommand(
    inner("add", "Block clients")
      .argument("[address...]", addresses)
      .option("--ttl <time>", "how long: 30m, 12h, 7d (default: [checks.blacklist] block)", readTime)
      .option("--why <text>", "a note for the list and the log")
      .action((texts: string[], words: Words) => run(words, (blocks, ttl) => add(blocks, texts, ttl, words))),
  );
  verb.addCommand(
    inner("remove", "Unblock clients")
      .argument("[address...]", addresses)
      .action((texts: string[], words: Words) => run(words, (blocks) => remove(blocks, texts))),
  );
  verb.addCommand(
    inner("list", "Print who is blocked, until when and why")
      .option("--json", "print one JSON object")
      .action((words: Words) => run(words, (blocks) => list(blocks, words))),
  );
  verb.addCommand(
    inner("clean", "Unblock everybody")
      .option("--by <whom>", "only whom the relay blocked, or a command: relay, command")
      .action((words: Words) => run(words, (blocks) => clean(blocks, words))),
  );
  verb.addCommand(
    inner("test", "Print whether clients are blocked")
      .argument("[address...]", "IP addresses; none or -: one per line of standard input")
      .action((texts: string[], words: Words) => run(words, (blocks) => test(blocks, texts))),
  );
  return verb;
}

function readTime(text: string): number {
  const time = parseDuration(text);
  if (time === undefined || time < 1000 || time > longestBlock) {
    throw new InvalidArgumentError(`"${text}" is not a time from 1s to 366d`);
  }
  return time;
}

/** Opens the state, and ends with the exit code of what is done in it. */
async function run({ config, ttl }: Words, act: (blocks: ClientBlocks, ttl: number) => Promise<number>): Promise<void> {
  const settings = loadSettings(config, ["relay"]);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const state = stateBeside(settings, silentLog);
  if (typeof state === "string") {
    complain(state);
    process.exitCode = exit.unavailable;
    return;
  }
  try {
    await state.ready();
    process.exitCode = await act(new ClientBlocks(state, Date.now), ttl ?? blockTime(settings.checks["blacklist"]));
  } catch (error) {
    if (!(error instanceof StateFault)) {
      throw error;
    }
    complain(`The state does not answer: ${error.message}`);
    process.exitCode = exit.unavailable;
  } finally {
    await state.close();
  }
}

/** `[checks.blacklist] block`; of several instances the first one's. */
function blockTime(section: CheckTable[string] | undefined): number {
  const values = isInstances(section) ? section[0] : section;
  const block = valueAt(values, ["block"]);
  return typeof block === "number" ? block : longestBlock;
}

async function add(blocks: ClientBlocks, texts: readonly string[], ttl: number, { why = "" }: Words): Promise<number> {
  const from = Date.now();
  const block: ClientBlock = { from, until: from + ttl, why: oneLine(why), by: "command" };
  return each(texts, async (network) => {
    known(await blocks.add(network, block));
    return `${formatNetwork(network)} blocked until ${timeText(block.until)}`;
  });
}

async function remove(blocks: ClientBlocks, texts: readonly string[]): Promise<number> {
  return each(texts, async (network) => {
    const { kind } = known(await blocks.remove(network));
    return `${formatNetwork(network)} ${kind === "absent" ? "was not blocked" : "removed"}`;
  });
}

async function list(blocks: ClientBlocks, { json }: Words): Promise<number> {
  const rows = [...known(await blocks.all()).rows].sort(([, one], [, two]) => one.until - two.until);
  const lines = rows.map(([network, { until, by, why }]) => `${network}\t${timeText(until)}\t${by}\t${why}\n`);
  const entries = rows.map(([network, { from, until, by, why }]) => ({
    network,
    from: timeText(from),
    until: timeText(until),
    by,
    why,
  }));
  process.stdout.write(json === true ? `${JSON.stringify({ blocked: entries }, undefined, 2)}\n` : lines.join(""));
  return exit.ok;
}

async function clean(blocks: ClientBlocks, { by }: Words): Promise<number> {
  if (by !== undefined && by !== "relay" && by !== "command") {
    complain(`"${by}" is not allowed for --by; allowed: relay, command`);
    return exit.usage;
  }
  const rows = known(await blocks.all()).rows.filter(([, block]) => by === undefined || block.by === by);
  for (const [network] of rows) {
    const read = readNetwork(network);
    if (typeof read !== "string") {
      known(await blocks.remove(read));
    }
  }
  process.stdout.write(`${rows.length} removed\n`);
  return exit.ok;
}

async function test(blocks: ClientBlocks, texts: readonly string[]): Promise<number> {
  // So that a state that does not answer is not taken for one without blocks.
  known(await blocks.all());
  let areAllBlocked = true;
  const code = await each(texts, async (network, text) => {
    const found = await blocks.find(isIP(text) === 0 ? (formatNetwork(network).split("/", 1)[0] ?? "") : text);
    areAllBlocked &&= found !== undefined;
    return found === undefined
      ? `${text} is not blocked`
      : `${text} is blocked by ${found.network} until ${timeText(found.until)} (${found.by}${found.why === "" ? "" : `: ${found.why}`})`;
  });
  return code === exit.ok && !areAllBlocked ? exit.refused : code;
}

/** Does it for every address, and prints a line for each; 65 where one could not be read. */
async function each(
  texts: readonly string[],
  act: (network: Network, text: string) => Promise<string>,
): Promise<number> {
  let code: number = exit.ok;
  let count = 0;
  for await (const { place, text } of addressesOf(texts)) {
    const network = ++count > mostBlocks ? `is one too many: at most ${mostBlocks} are blocked` : readNetwork(text);
    if (typeof network === "string") {
      complain(`${place}"${text}" ${network}`);
      code = exit.guard;
      if (count > mostBlocks) {
        break;
      }
    } else {
      process.stdout.write(`${await act(network, text)}\n`);
    }
  }
  return code;
}

/** The arguments, or the first word of each line of standard input. */
async function* addressesOf(
  texts: readonly string[],
): AsyncGenerator<{ readonly place: string; readonly text: string }> {
  if (texts.length > 0 && texts.join() !== "-") {
    yield* texts.map((text) => ({ place: "", text }));
    return;
  }
  let number = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    number++;
    const [text = ""] = line.trim().split(/\s+/, 1);
    if (text !== "" && !text.startsWith("#")) {
      yield { place: `line ${number}: `, text: text.slice(0, 100) };
    }
  }
}

/** @throws StateFault */
function known<T extends { readonly kind: string }>(answer: T | Unavailable): Exclude<T, Unavailable> {
  if (isKnown(answer)) {
    return answer;
  }
  throw new StateFault("why" in answer ? answer.why : answer.kind);
}

function isKnown<T extends { readonly kind: string }>(answer: T | Unavailable): answer is Exclude<T, Unavailable> {
  return answer.kind !== "unavailable";
}

/** A note is one field of one line. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ").slice(0, 200);
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

function complain(message: string): void {
  process.stderr.write(`${message}\n`);
}
