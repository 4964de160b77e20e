/** `goodmailto init`: a first configuration from a handful of answers, and a look at what they name. Overwrites nothing. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";

import { Command, Option } from "commander";

import { defaultConfig, schemaFor } from "../compose/settings.ts";
import { firstConfig, firstFiles } from "../config/first-file.ts";
import type { FirstAnswers } from "../config/first-file.ts";
import { checkConfig } from "../config/load.ts";
import { nearest } from "../config/nearest.ts";
import { presetNames } from "../config/preset-names.ts";
import type { Settings } from "../config/sections.ts";
import { formatFault } from "../config/toml.ts";
import { parseWebPlace } from "../config/web.ts";
import { groundOf } from "../doctor/first-places.ts";
import type { Ground } from "../doctor/first-places.ts";
import { tryFirst } from "../doctor/first-try.ts";
import { makeToken, writeFirst } from "../doctor/first-write.ts";
import type { FirstSecrets } from "../doctor/first-write.ts";
import { formatEndpoint } from "../mail/network.ts";
import { exit } from "../ops/exit.ts";
import { readLine, readSecrets } from "../ops/secret-input.ts";
import { errorMessage } from "../report/error-message.ts";

interface Words {
  readonly folder: string;
  readonly url?: string;
  readonly bindDn?: string;
  readonly passwordFile?: string;
  readonly base?: string;
  readonly preset?: string;
  readonly notesDomain?: string;
  readonly domain?: readonly string[];
  readonly nextHop?: string;
  readonly web?: string;
  readonly journal?: string;
  readonly trial?: true;
}

/** How root starts the relay as its own user; port 25 needs a right that it keeps. */
const asRelay = "runuser -u goodmailto -- ";
const asRelayAt25 =
  "setpriv --reuid goodmailto --regid goodmailto --clear-groups --inh-caps +net_bind_service --ambient-caps +net_bind_service ";

const standard = { web: "127.0.0.1:8996", journal: "30d" } as const;
const mostOctets = 1024;
const ldapPresets = [
  "389ds",
  "active-directory",
  "domino",
  "generic",
  "openldap",
  "qmail-ldap",
  "univention",
  "zimbra",
];

/** Builds the verb. */
export function initCommand(): Command {
  return new Command("init")
    .description("Write a first configuration, and try the directory and the mail server that it names")
    .option("--folder <folder>", "where the files go", join(defaultConfig, ".."))
    .option("--url <url>", "the directory: ldap://host or ldaps://host")
    .option("--bind-dn <dn>", 'who reads it; "": anonymous')
    .option("--password-file <file>", 'file with the password; "-": first line of standard input')
    .option("--base <dn>", "where the directory begins; needed by most but Domino")
    .addOption(
      new Option("--preset <preset>", "what kind of directory").choices(
        presetNames.filter((name) => ldapPresets.includes(name)),
      ),
    )
    .option("--notes-domain <name>", "the Notes domain, for Domino")
    .option("--domain <domain...>", "domains whose mail comes here")
    .option("--next-hop <place>", "the internal mail server: smtp://host:port")
    .option("--web <place>", `where to serve the status page; "": nowhere (default: ${standard.web})`)
    .option(
      "--journal <time>",
      `how long to keep refusals and deliveries; 0s: not at all (default: ${standard.journal})`,
    )
    .option("--trial", "a first look: at 127.0.0.1:2525 only, where unknown recipients are refused at once")
    .addHelpText(
      "after",
      "\nWhat is missing is asked for on a terminal. Exit status: 0 written and tried, 1 written, and something did not answer, 2 something is missing or there already, 78 a value cannot be right",
    )
    .action(init);
}

function fail(text: string, code: number): undefined {
  process.stderr.write(`goodmailto: ${text}\n`);
  process.exitCode = code;
}

async function init(words: Words): Promise<void> {
  const folder = resolve(words.folder);
  const path = join(folder, "goodmailto.toml");
  if (existsSync(path)) {
    fail(`${path} is there already; nothing was written`, exit.usage);
    return;
  }
  const answers = process.stdin.isTTY && words.passwordFile !== "-" ? await ask(words) : given(words);
  const password = answers && (await passwordOf(words, answers));
  if (answers === undefined || password === undefined) {
    return;
  }
  const ground = groundOf(folder, words.trial === true);
  const text = firstConfig(answers, ground, words.trial === true);
  const loaded = checkConfig(text, path, schemaFor, []);
  if (loaded.kind !== "ok") {
    process.stderr.write(loaded.faults.map((fault) => `${formatFault(fault)}\n`).join(""));
    fail("nothing was written", exit.config);
    return;
  }
  const token = answers.web === "" ? "" : makeToken();
  if (write(ground, text, { password, token })) {
    const { isWell, lines } = await tryFirst(loaded.settings, folder, answers.domains[0] ?? "");
    process.stdout.write(lines.map((line) => `${line}\n`).join(""));
    process.stdout.write(next(ground, token, loaded.settings, words.trial === true));
    process.exitCode = isWell ? exit.ok : exit.refused;
  }
}

/** What the command line says; undefined if something is missing, which is named. */
function given(words: Words): FirstAnswers | undefined {
  const { url, bindDn, base = "", preset, notesDomain = "", domain, nextHop } = words;
  const needed = { "--url": url, "--bind-dn": bindDn, "--preset": preset, "--domain": domain, "--next-hop": nextHop };
  const missing = Object.entries(needed).filter(([, value]) => value === undefined);
  if (
    url === undefined ||
    bindDn === undefined ||
    preset === undefined ||
    domain === undefined ||
    nextHop === undefined
  ) {
    return fail(`missing: ${missing.map(([name]) => name).join(", ")}`, exit.usage);
  }
  const { web = standard.web, journal = standard.journal } = words;
  return { url, bindDn, base, preset, notesDomain, domains: domain, nextHop, web, journal };
}

/** Asks a person for what the command line does not say. */
async function ask(words: Words): Promise<FirstAnswers | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const question = async (value: string | undefined, text: string, usual: string): Promise<string> =>
    value ?? ((await terminal.question(`${text}${usual === "" ? "" : ` [${usual}]`}: `)).trim() || usual);
  try {
    let preset = await question(words.preset, `Kind of directory (${ldapPresets.join(", ")})`, "domino");
    while (!ldapPresets.includes(preset)) {
      preset = await question(undefined, "Kind of directory, one of these words", nearest(preset, ldapPresets) ?? "");
    }
    const url = await question(words.url, "Directory", "ldap://127.0.0.1");
    const base = preset === "domino" ? (words.base ?? "") : await question(words.base, "Base DN", "");
    const bindDn = await question(words.bindDn, "Bind DN (empty: anonymous)", "");
    const notesDomain = preset === "domino" ? await question(words.notesDomain, "Notes domain (empty: none)", "") : "";
    const domains = words.domain ?? (await question(undefined, "Domains whose mail comes here", "")).split(/[\s,]+/);
    const nextHop = await question(words.nextHop, "Internal mail server", "smtp://127.0.0.1:2626");
    const page = await question(words.web, 'Status page for a browser ("none": no page)', standard.web);
    const journal = await question(
      words.journal,
      "How long to keep who wrote to whom (0s: not at all)",
      standard.journal,
    );
    const web = page === "none" ? "" : page;
    return { url, bindDn, base, preset, notesDomain, domains, nextHop, web, journal };
  } catch (error) {
    return fail(errorMessage(error), exit.usage);
  } finally {
    terminal.close();
  }
}

/** "" for an anonymous bind; undefined if there is none, which is said. */
async function passwordOf({ passwordFile }: Words, { bindDn }: FirstAnswers): Promise<string | undefined> {
  if (bindDn === "") {
    return "";
  }
  let password: string | undefined;
  if (passwordFile === undefined) {
    const isTyped = process.stdin.isTTY;
    password = isTyped ? (await readSecrets([`Password of ${bindDn}: `]))?.[0] : undefined;
  } else {
    try {
      password =
        passwordFile === "-" ? await readLine(mostOctets) : readFileSync(passwordFile, "utf8").split(/\r?\n/, 1)[0];
    } catch (error) {
      return fail(errorMessage(error), exit.usage);
    }
  }
  return password === undefined || password === "" ? fail("no password; see --password-file", exit.usage) : password;
}

/** @returns whether they are written */
function write(ground: Ground, text: string, secrets: FirstSecrets): boolean {
  try {
    const written = writeFirst(ground, text, secrets);
    process.stdout.write(written.map((path) => `written: ${path}\n`).join(""));
    return true;
  } catch (error) {
    fail(`${errorMessage(error)}; nothing was written`, exit.usage);
    return false;
  }
}

/** What to do next, where it is to be seen, and what it must not be mistaken for. */
function next({ folder, hasUnits, relayUser }: Ground, token: string, { web }: Settings, isTrial: boolean): string {
  const path = join(folder, "goodmailto.toml");
  const own = path === defaultConfig ? "" : ` -c ${path}`;
  const isService = hasUnits && !isTrial;
  const serve = `${relayUser === undefined ? "" : isTrial ? asRelay : asRelayAt25}goodmailto serve${own}`;
  const steps = [
    [`goodmailto probe${own}`, "what the directory gives, in detail"],
    [isService ? "systemctl start goodmailto-sync" : `goodmailto sync${own}`, "the first list"],
    isService
      ? ["systemctl enable --now goodmailto-sync.timer goodmailto.socket goodmailto", "the relay"]
      : [serve, "the relay"],
    [`goodmailto doctor${own}`, "whether all is well"],
  ] as const;
  const place = parseWebPlace(web.listen);
  const page =
    place === undefined
      ? ""
      : `
Status page, once the relay runs: ${web.tls ? "https" : "http"}://${formatEndpoint(place)}/
Log in with this token; it is shown only now, and is in ${join(folder, firstFiles.token)}:
  ${token}
`;
  const last = isTrial
    ? "A trial: only this machine reaches it. For mail change the lines of the file that say so."
    : 'Nobody is refused yet. Read docs/before-you-enforce.md before you set [recipients] mode = "enforce".';
  const width = Math.max(...steps.filter(([step]) => step.length < 70).map(([step]) => step.length));
  return `
What to do next:
${steps.map(([step, what]) => `  ${step.padEnd(width)}  # ${what}\n`).join("")}${page}
${last}
`;
}
