/** `goodmailto check`: what the relay would answer to a recipient, and why. It asks the same code. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { text } from "node:stream/consumers";

import { Command } from "commander";

import type { Settings } from "../config/sections.ts";
import { parseMailbox } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { isBeyondAscii } from "../mail/octets.ts";
import { normalIp } from "../mail/network.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import { denialOf } from "../files/denied.ts";
import { exit } from "../ops/exit.ts";
import { listenersOf } from "../config/listening.ts";
import { compareRunning, describeComparison } from "../compose/running-relay.ts";
import type { Comparison } from "../compose/running-relay.ts";
import { createRelayLists } from "../compose/relay-lists.ts";
import { readRules, RulesFault } from "../compose/client-rules.ts";
import { silentLog } from "../report/log.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { openForCommand } from "../compose/trust.ts";
import { ask, createService, settingLines } from "../compose/would-answer.ts";
import type { WouldAnswer, ClientFacts } from "../compose/would-answer.ts";
import { iso } from "../report/iso-time.ts";

interface Options {
  readonly config: string;
  readonly file?: string;
  readonly client?: string;
  readonly from?: string;
  readonly json?: boolean;
}

const help = `
Exit status: 0 all are accepted, 1 one is refused, 2 usage error, 69 there is no snapshot that can be used,
  78 configuration error`;

/** Builds the verb. */
export function checkCommand(): Command {
  return new Command("check")
    .description("Show how the relay would answer recipients, and why")
    .argument("[address...]", "recipients as RCPT TO would name them")
    .option("--file <file>", 'more recipients, one per line; "-": standard input')
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--client <ip>", "the client's address: its rule gives the session variables")
    .option("--from <sender>", "the sender")
    .option("--json", "print one JSON object")
    .addHelpText("after", help)
    .action(check);
}

async function check(given: readonly string[], options: Options): Promise<void> {
  const settings = loadSettings(options.config);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const more = options.file === undefined ? [] : await readAddresses(options.file);
  const sender = options.from === undefined || options.from === "" ? undefined : parseMailbox(options.from);
  const wrong = usageFault(options, sender, more, given.length);
  if (wrong !== undefined || more === undefined) {
    process.stderr.write(`goodmailto: ${wrong}\n`);
    process.exitCode = exit.usage;
    return;
  }
  const client = clientVerdict(settings, options.client);
  if (client === undefined) {
    return;
  }
  const snapshot = openForCommand(settings);
  if (snapshot === undefined) {
    return;
  }
  const service = createService(settings, snapshot, Date.now);
  const results: WouldAnswer[] = [];
  for (const address of [...given, ...more]) {
    const answer = ask(service, address, readMailbox(address, settings), sender, client, options.client ?? "");
    results.push(await answer);
  }
  print(results, snapshot, client, compareRunning(options.config, settings, snapshot), options.json === true);
  const missing = snapshot.state.kind === "unavailable" && !client.denied;
  const denied = missing ? denialOf(snapshot.path) : undefined;
  if (denied !== undefined) {
    process.stderr.write(`goodmailto: ${snapshot.path} ${denied}: the relay may answer otherwise\n`);
  }
  snapshot.close();
  const refused = results.some(({ verdict }) => verdict === "refused");
  process.exitCode = missing ? exit.unavailable : refused ? exit.refused : exit.ok;
}

/** Where UTF-8 is never offered, an address in it is none. */
function readMailbox(address: string, { smtp }: Settings): Mailbox | undefined {
  const isRead = smtp.smtputf8 !== "none" || !isBeyondAscii(address);
  return isRead ? parseMailbox(address.replace(/^<(.*)>$/, "$1")) : undefined;
}

function usageFault(
  { file, from = "", client }: Options,
  sender: Mailbox | undefined,
  more: readonly string[] | undefined,
  given: number,
): string | undefined {
  if (more === undefined) {
    return `cannot read ${file}`;
  }
  if (given === 0 && file === undefined) {
    return "no address: name some, or use --file";
  }
  if (sender === undefined && from !== "") {
    return `no address: ${from}`;
  }
  return client !== undefined && isIP(client) === 0 ? `no IP address: ${client}` : undefined;
}

/** The lines of a file without blank ones and comments, or of standard input; undefined if it cannot be read. */
async function readAddresses(file: string): Promise<string[] | undefined> {
  try {
    const lines = (file === "-" ? await text(process.stdin) : readFileSync(file, "utf8")).replace(/^\uFEFF/, "");
    return lines
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
  } catch {
    return undefined;
  }
}

function clientVerdict(settings: Settings, ip: string | undefined): ClientFacts | undefined {
  const variables = new Map(Object.entries(listenersOf(settings)[0]?.variables ?? {}));
  try {
    const rules = readRules(listenersOf(settings)[0]?.rules ?? "");
    const verdict = ip === undefined ? undefined : rules.find({ ip: normalIp(ip) });
    if (verdict?.kind === "deny") {
      return { variables, denied: true };
    }
    const given = new Map([...variables, ...(verdict?.variables ?? [])]);
    const lists = createRelayLists(settings, silentLog, Date.now);
    return { variables: ip === undefined ? given : lists.apply(ip, given), denied: false };
  } catch (error) {
    if (!(error instanceof RulesFault)) {
      throw error;
    }
    process.stderr.write(`${error.message}\n`);
    process.exitCode = exit.config;
    return undefined;
  }
}

function print(
  results: readonly WouldAnswer[],
  snapshot: SnapshotReader,
  { variables, denied }: ClientFacts,
  running: readonly Comparison[],
  json: boolean,
): void {
  const { state } = snapshot;
  const age = state.kind === "open" ? Math.round((Date.now() - state.created) / 1000) : undefined;
  if (json) {
    const facts =
      state.kind === "open"
        ? { created: iso(state.created), age_seconds: age, ...waitingFacts(state) }
        : { missing: state.why };
    process.stdout.write(
      `${JSON.stringify({ snapshot: facts, running, variables: Object.fromEntries(variables), denied, results }, undefined, 2)}\n`,
    );
    return;
  }
  for (const one of results) {
    const { address, verdict, reply, why } = one;
    process.stdout.write(`${address}: ${verdict}\n  reply: ${reply}\n  why: ${why}\n${settingLines(one)}`);
  }
  process.stdout.write(
    state.kind === "open"
      ? `snapshot: ${age} s old, ${state.rows} keys${waitingText(state)}\n`
      : `snapshot: none (${state.why})\n`,
  );
  process.stdout.write(running.map((relay) => `${describeComparison(relay)}\n`).join(""));
  if (variables.size > 0) {
    process.stdout.write(`client: ${[...variables].map(([name, value]) => `${name}="${value}"`).join(" ")}\n`);
  }
}

type Open = Extract<SnapshotReader["state"], { kind: "open" }>;

function waitingFacts({ waiting }: Open) {
  return waiting === undefined ? {} : { waiting: { created: iso(waiting.created), until: iso(waiting.until) } };
}

function waitingText({ waiting }: Open): string {
  return waiting === undefined
    ? ""
    : `; that of ${iso(waiting.created)} waits until ${iso(waiting.until)} ([snapshot] canary), whom it adds is accepted`;
}
