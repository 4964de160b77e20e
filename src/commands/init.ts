/** `goodmailto init`: a first configuration from a handful of answers, and a look at what they name. Overwrites nothing. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";

import { Command, Option } from "commander";

import { probeSource } from "../../sync/look/probe.ts";
import { lookAtHop } from "../doctor/hop-look.ts";
import { defaultConfig, schemaFor } from "../compose/settings.ts";
import { firstConfig } from "../config/first-file.ts";
import type { FirstAnswers } from "../config/first-file.ts";
import { checkConfig } from "../config/load.ts";
import { takesCatchAlls } from "../config/own-domains.ts";
import { presetNames } from "../config/preset-names.ts";
import type { Settings } from "../config/sections.ts";
import { formatFault } from "../config/toml.ts";
import { createFiles } from "../files/create.ts";
import type { NewFile } from "../files/create.ts";
import { createDomains } from "../mail/domains.ts";
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
}

/** ms: what a look at the directory may take. */
const patience = 120_000;
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
  const text = firstConfig(answers);
  const loaded = checkConfig(text, path, schemaFor, []);
  if (loaded.kind !== "ok") {
    process.stderr.write(loaded.faults.map((fault) => `${formatFault(fault)}\n`).join(""));
    process.exitCode = exit.config;
    return;
  }
  if (write(folder, text, password)) {
    const isWell = await tryOut(loaded.settings, folder, answers);
    process.stdout.write(next(path));
    process.exitCode = isWell ? exit.ok : exit.refused;
  }
}

/** What the command line says; undefined if something is missing, which is named. */
function given({ url, bindDn, base = "", preset, notesDomain = "", domain, nextHop }: Words): FirstAnswers | undefined {
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
  return { url, bindDn, base, preset, notesDomain, domains: domain, nextHop };
}

/** Asks a person for what the command line does not say. */
async function ask(words: Words): Promise<FirstAnswers | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const question = async (value: string | undefined, text: string, standard: string): Promise<string> =>
    value ?? ((await terminal.question(`${text}${standard === "" ? "" : ` [${standard}]`}: `)).trim() || standard);
  try {
    const preset = await question(words.preset, `Kind of directory (${ldapPresets.join(", ")})`, "domino");
    const url = await question(words.url, "Directory", "ldap://127.0.0.1");
    const base = preset === "domino" ? (words.base ?? "") : await question(words.base, "Base DN", "");
    const bindDn = await question(words.bindDn, "Bind DN (empty: anonymous)", "");
    const notesDomain = preset === "domino" ? await question(words.notesDomain, "Notes domain (empty: none)", "") : "";
    const domains = words.domain ?? (await question(undefined, "Domains whose mail comes here", "")).split(/[\s,]+/);
    const nextHop = await question(words.nextHop, "Internal mail server", "smtp://127.0.0.1:2626");
    return { url, bindDn, base, preset, notesDomain, domains, nextHop };
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

/** All files that are not there, or none. @returns whether they are written */
function write(folder: string, text: string, password: string): boolean {
  const rules = readFileSync(join(import.meta.dirname, "../../config/tcp.smtp"), "utf8");
  const secret = join(folder, "ldap-password");
  // A package leaves an empty one.
  const isEmpty = statSync(secret, { throwIfNoEntry: false })?.size === 0;
  const files: NewFile[] = [
    { path: join(folder, "goodmailto.toml"), text, mode: 0o644 },
    ...(existsSync(join(folder, "tcp.smtp")) ? [] : [{ path: join(folder, "tcp.smtp"), text: rules, mode: 0o644 }]),
    ...(password === "" || isEmpty ? [] : [{ path: secret, text: `${password}\n`, mode: 0o600 }]),
  ];
  try {
    createFiles(files);
    if (isEmpty && password !== "") {
      writeFileSync(secret, `${password}\n`);
    }
  } catch (error) {
    fail(`${errorMessage(error)}; nothing was written`, exit.usage);
    return false;
  }
  process.stdout.write(files.map(({ path }) => `written: ${path}\n`).join(""));
  return true;
}

/** @returns whether both answered */
async function tryOut(settings: Settings, folder: string, { domains }: FirstAnswers): Promise<boolean> {
  const [source] = settings.source;
  const [hop] = settings.route;
  if (source === undefined || hop === undefined) {
    throw new Error("a first configuration has a source and a route");
  }
  const relay = createDomains(settings.domains.relay, settings.domains.aliases);
  const { reading, warnings } = await probeSource(
    source,
    relay,
    folder,
    AbortSignal.timeout(patience),
    takesCatchAlls(settings),
  );
  process.stdout.write(
    reading.fault === ""
      ? `directory: ${reading.entries} entries, ${reading.addresses} addresses\n`
      : `directory: ${reading.fault}\n`,
  );
  if (reading.fault === "") {
    process.stdout.write(warnings.map((warning) => `directory: warning: ${warning}\n`).join(""));
  }
  return (await tryHop(hop.next_hop[0] ?? "", domains[0] ?? "")) && reading.fault === "";
}

async function tryHop(place: string, domain: string): Promise<boolean> {
  const look = await lookAtHop(place, hostname(), domain);
  if (look === undefined) {
    return true;
  }
  if (look.kind === "silent") {
    process.stdout.write(`mail server: ${look.why}\n`);
    return false;
  }
  const what = look.code >= 500 ? "refuses unknown recipients itself" : `answers ${look.code} to an unknown recipient`;
  process.stdout.write(`mail server: answers, and ${what}\n`);
  return true;
}

function next(path: string): string {
  return `
What to do next:
  goodmailto config check -c ${path}
  goodmailto probe -c ${path}             # what the directory gives, in detail
  goodmailto sync -c ${path}              # the first list; as a service: systemctl start goodmailto-sync
  goodmailto serve -c ${path}             # as a service: systemctl enable --now goodmailto.socket goodmailto
Nobody is refused yet. Read docs/before-you-enforce.md before you set [recipients] mode = "enforce".
`;
}
