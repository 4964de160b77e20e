/** `goodmailto check`: what the relay would answer to a recipient, and why. It asks the same code. */
import { isIP } from "node:net";

import { Command } from "commander";

import { checks } from "../checks/registry.ts";
import type { Settings } from "../config/sections.ts";
import { Pipeline } from "../hooks/pipeline.ts";
import type { Step } from "../hooks/pipeline.ts";
import type { Services } from "../hooks/services.ts";
import { Session } from "../hooks/session.ts";
import { parseMailbox } from "../mail/address.ts";
import type { Mailbox } from "../mail/address.ts";
import { noCounters } from "../report/counters.ts";
import { createDomains } from "../mail/domains.ts";
import { silentLog } from "../report/log.ts";
import { normalIp } from "../mail/network.ts";
import { replyText } from "../mail/reply.ts";
import { answers } from "../smtp/answers.ts";
import { judgeRecipient } from "../smtp/session/recipient.ts";
import type { RecipientService } from "../smtp/session/recipient.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import { createRecipients } from "../snapshot/recipients.ts";
import type { RecipientAnswer } from "../snapshot/recipients.ts";
import { describeAnswer } from "../snapshot/describe-answer.ts";
import { exit } from "../ops/exit.ts";
import { listenersOf, readRules, RulesFault } from "../compose/relay.ts";
import { defaultConfig, loadSettings } from "../compose/settings.ts";
import { openForCommand } from "../compose/trust.ts";

interface Options {
  readonly config: string;
  readonly client?: string;
  readonly from?: string;
  readonly json?: boolean;
}

/** One address's answer. */
export interface Answer {
  readonly address: string;
  readonly verdict: "accepted" | "refused";
  readonly reply: string;
  readonly why: string;
  readonly key?: string;
  readonly kind?: string;
  readonly source?: string;
  readonly entry?: string;
}

/** Builds the verb. */
export function checkCommand(): Command {
  return new Command("check")
    .description("say what the relay would answer to recipients, and why; exit 0 accepted, 1 refused, 69 no snapshot")
    .argument("<address...>", "recipients as RCPT TO would name them")
    .option("-c, --config <file>", "configuration file", defaultConfig)
    .option("--client <ip>", "the client's address: its rule gives the session variables")
    .option("--from <sender>", "the sender")
    .option("--json", "machine-readable")
    .action(check);
}

async function check(addresses: readonly string[], options: Options): Promise<void> {
  const settings = loadSettings(options.config);
  if (settings === undefined) {
    process.exitCode = exit.config;
    return;
  }
  const mailboxes = addresses.map((text) => ({ text, mailbox: parseMailbox(text.replace(/^<(.*)>$/, "$1")) }));
  const sender = options.from === undefined || options.from === "" ? undefined : parseMailbox(options.from);
  const faulty = mailboxes.filter(({ mailbox }) => mailbox === undefined).map(({ text }) => text);
  if (faulty.length > 0 || (sender === undefined && (options.from ?? "") !== "")) {
    process.stderr.write(
      `goodmailto: no address: ${[...faulty, ...(sender === undefined ? [options.from] : [])].filter(Boolean).join(", ")}\n`,
    );
    process.exitCode = exit.usage;
    return;
  }
  if (options.client !== undefined && isIP(options.client) === 0) {
    process.stderr.write(`goodmailto: no IP address: ${options.client}\n`);
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
  const results: Answer[] = [];
  for (const { text, mailbox } of mailboxes) {
    if (mailbox !== undefined) {
      results.push(await ask(service, text, mailbox, sender, client, options.client ?? ""));
    }
  }
  print(results, snapshot, client.variables, options.json === true, client.denied);
  const missing = snapshot.state.kind === "unavailable" && !client.denied;
  snapshot.close();
  const refused = results.some(({ verdict }) => verdict === "refused");
  process.exitCode = missing ? exit.unavailable : refused ? exit.refused : exit.ok;
}

/** What is known of the client that asks. */
export interface ClientFacts {
  readonly variables: ReadonlyMap<string, string>;
  readonly denied: boolean;
}

function clientVerdict(settings: Settings, ip: string | undefined): ClientFacts | undefined {
  const variables = new Map(Object.entries(listenersOf(settings)[0]?.variables ?? {}));
  try {
    const rules = readRules(listenersOf(settings)[0]?.rules ?? "");
    const verdict = ip === undefined ? undefined : rules.find({ ip: normalIp(ip) });
    return verdict?.kind === "deny"
      ? { variables, denied: true }
      : { variables: new Map([...variables, ...(verdict?.variables ?? [])]), denied: false };
  } catch (error) {
    if (!(error instanceof RulesFault)) {
      throw error;
    }
    process.stderr.write(`${error.message}\n`);
    process.exitCode = exit.config;
    return undefined;
  }
}

/** What answers as the relay would. @param now ms since 1970 */
export function createService(settings: Settings, snapshot: SnapshotReader, now: () => number): RecipientService {
  const domains = createDomains(settings.domains.relay, settings.domains.aliases);
  const recipients = createRecipients(snapshot, domains, settings.recipients);
  const pipeline = corePipeline(settings, { recipients, domains, log: silentLog, now });
  return { recipients, domains, log: silentLog, counters: noCounters, pipeline };
}

/** Only the recipient check: plugins and DNS lists answer for a session, not for an address. */
function corePipeline(settings: Settings, services: Services): Pipeline {
  const definition = checks.find(({ name }) => name === "goodmailto");
  const steps: Step[] =
    definition === undefined || !settings.hooks.rcpt.includes("goodmailto")
      ? []
      : [
          {
            name: "goodmailto",
            stage: "recipient",
            mode: settings.recipients.mode,
            run: definition.create(settings.recipients as never, services),
          },
        ];
  return new Pipeline(
    { connection: [], helo: [], mail: [], rcpt: steps, data: [], auth: [], message: [] },
    silentLog,
    noCounters,
  );
}

/** Puts one recipient to it. */
export async function ask(
  service: RecipientService,
  text: string,
  mailbox: Mailbox,
  sender: Mailbox | undefined,
  client: ClientFacts,
  ip: string,
): Promise<Answer> {
  if (client.denied) {
    return { address: text, verdict: "refused", reply: "(dropped at connection)", why: `a client rule denies ${ip}` };
  }
  const none = { ip: "", port: 0, host: "" };
  const session = new Session("check", { ...none, ip }, none, "check", client.variables, () => undefined);
  const judged = await judgeRecipient(service, session, session.begin(sender), mailbox);
  const found = service.recipients.find(mailbox);
  const facts =
    found.kind === "known" ? { key: found.key, kind: found.as, source: found.source, entry: found.entry } : {};
  const refused = judged.kind === "answered";
  const reply = refused ? judged.response.reply : answers.recipientOk;
  return {
    address: text,
    verdict: refused ? "refused" : "accepted",
    reply: reply === undefined ? "" : replyText(reply),
    why: explain(service, session, mailbox, found, refused ? "" : judged.line),
    ...facts,
  };
}

function explain(
  service: RecipientService,
  session: Session,
  mailbox: Mailbox,
  found: RecipientAnswer,
  line: string,
): string {
  const ours = mailbox.domain === "" || service.domains.canonical(mailbox.domain) !== undefined;
  if (!ours) {
    return session.has("RELAYCLIENT")
      ? "RELAYCLIENT is set: the client may send anywhere"
      : `"${mailbox.domain}" is no relay domain`;
  }
  return describeAnswer(found, mailbox, line);
}

function print(
  results: readonly Answer[],
  snapshot: SnapshotReader,
  variables: ReadonlyMap<string, string>,
  json: boolean,
  denied: boolean,
): void {
  const { state } = snapshot;
  const age = state.kind === "open" ? Math.round((Date.now() - state.created) / 1000) : undefined;
  if (json) {
    const facts =
      state.kind === "open"
        ? { created: new Date(state.created).toISOString(), age_seconds: age }
        : { missing: state.why };
    process.stdout.write(
      `${JSON.stringify({ snapshot: facts, variables: Object.fromEntries(variables), denied, results }, undefined, 2)}\n`,
    );
    return;
  }
  for (const { address, verdict, reply, why } of results) {
    process.stdout.write(`${address}: ${verdict}\n  reply: ${reply}\n  why: ${why}\n`);
  }
  process.stdout.write(
    state.kind === "open" ? `snapshot: ${age} s old, ${state.rows} keys\n` : `snapshot: none (${state.why})\n`,
  );
  if (variables.size > 0) {
    process.stdout.write(`client: ${[...variables].map(([name, value]) => `${name}="${value}"`).join(" ")}\n`);
  }
}
