/** What each check that passes costs a session of one recipient, with lists of 10 and of 100,000 entries, and all of them together. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { checks } from "../../src/checks/all.ts";
import { createLists } from "../../src/compose/lists.ts";
import type { CheckDefinition } from "../../src/hooks/check.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import type { Session } from "../../src/hooks/session.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { noCounters } from "../../src/report/counters.ts";
import { silentLog } from "../../src/report/log.ts";
import { makeSession } from "../checks/fixture.ts";
import { recipientsOf, servicesFor } from "../hooks/services.ts";
import { settingsOf, stepOf } from "../hooks/steps.ts";
import type { Generator } from "./generator.ts";
import { compareByTurns, loadsOf } from "./rounds.ts";
import { startOurs } from "./servers.ts";
import type { Server, Site } from "./servers.ts";
import { figure, table } from "./table.ts";

const sizes = [10, 100_000];
const rounds = 5;

/** Lines of a check's list: the i-th of many, which the session of the bench is not in, or passes by being in. */
const lines: Readonly<Record<string, readonly [file: string, line: (i: number) => string]>> = {
  aliases: ["aliases", (i) => `l${i}@example.com: u${i}@example.com`],
  badhelo: ["badhelo", (i) => `host${i}.bad.example`],
  badmailfrom: ["badmailfrom", (i) => `user${i}@bad.example go away`],
  badmailfromto: ["badmailfromto", (i) => `u${i}@bad.example vera@example.com`],
  badrcptto: ["badrcptto", (i) => `gone${i}@example.com`],
  badrcptto_patterns: ["badrcptto_patterns", (i) => `^gone${i}@ not accepted here`],
  bounce_rcpt: ["bounce_rcpt", (i) => `gone${i}@example.com DENY no`],
  denybounce: ["acceptbounce", (i) => `user${i}@example.com`],
  challenge: ["challenge_whitelist", (i) => (i === 0 ? "someone@sender.example" : `user${i}@sender.example`)],
  goodrcptto: ["goodrcptto", (i) => (i === 0 ? "vera@example.com" : `user${i}@example.com`)],
  mailinglist: ["mailinglist_simple", (i) => `list${i}@example.com PUBLIC`],
  rcpt_regexp: ["rcpt_regexp", (i) => `gone${i}@example.com DENY no`],
  relocated: ["relocated", (i) => `o${i}@example.com n${i}@example.com`],
  spamtrap: ["spamtraps", (i) => `trap${i}@example.com`],
  verybadrcptto: ["verybadrcptto", (i) => `trap${i}@example.com`],
  whitelist: ["whitelistsenders", (i) => `friend${i}@good.example`],
};

const settings: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  aliases: { unknown: "pass" },
  badmailfrom: { file: "badmailfrom" },
  spamtrap: { target: "collector@example.com" },
  verybadrcptto: { file: "verybadrcptto" },
  // A load generator is one client that is refused all the time.
  blacklist: { rate: "" },
  // A client that tries again is known from then on.
  greylisting: { black: "0s" },
};

/** Of the table of single checks: these have nothing to do by themselves. */
const alone: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  challenge: { protect: ["example.com"] },
  majordomo: { aliases: { "list@example.com": "list" } },
};

/** What asks DNS or a scanner, runs programs, waits, or refuses every stranger. */
const leftOut = new Set([
  ...["dns_user", "dnsbl", "dnswl", "rhsbl", "rblspp", "nodialup", "require_resolvable_client"],
  ...["spp", "tarpit", "authrequired", "deliverabled", "geo", "validrcptto"],
  ...["authentication", "clamav", "milter", "rspamd", "scanner", "spamassassin"],
]);
const measured = checks.filter(({ name }) => !leftOut.has(name));

function pipelineOf(check: CheckDefinition | undefined, folder: string): Pipeline {
  const services = servicesFor({
    recipients: recipientsOf({ kind: "known", key: "", as: "account", source: "", entry: "" } as never),
    domains: createDomains(["example.com"], {}),
  });
  const steps = (check === undefined ? [] : [check]).map((one) => {
    const lists = createLists([folder], one.name, silentLog, Date.now);
    const values = settingsFor(one);
    return stepOf(one, one.create(values, { ...services, lists }), { unless: one.unless ?? [] });
  });
  return new Pipeline(steps, silentLog, noCounters);
}

function settingsFor(check: CheckDefinition) {
  try {
    return settingsOf(check, settings[check.name] ?? alone[check.name]);
  } catch {
    return settingsOf(check);
  }
}

const asked = [
  ["connection", ["policy"]],
  ["helo", ["policy"]],
  ["mail", ["policy", "sender"]],
  ["rcpt", ["note", "sender", "policy", "recipient"]],
] as const;

const [sender, recipient] = ["someone@sender.example", "vera@example.com"].map((address) => parseMailbox(address));

async function converse(pipeline: Pipeline, session: Session): Promise<void> {
  for (const [hook, stages] of asked) {
    if (hook === "mail") {
      session.begin(sender);
    } else if (hook === "rcpt") {
      session.recipient = recipient;
    }
    for (const stage of stages) {
      const outcome = pipeline.run(hook, session, stage);
      if (outcome instanceof Promise) {
        await outcome;
      }
    }
  }
}

/** Microseconds of a session, in the quickest of some rounds after one that compiles the code and reads the list. */
async function timed(pipeline: Pipeline): Promise<number> {
  const session = makeSession({ SMTPHELOHOST: "client.example" });
  session.helo = "client.example";
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const end = performance.now() + 60;
    const started = performance.now();
    let calls = 0;
    for (; performance.now() < end; calls++) {
      await converse(pipeline, session);
    }
    times.push(((performance.now() - started) * 1000) / calls);
  }
  return Math.min(...times.slice(1));
}

/** The table of single checks; the first row is what a session costs without any. */
export async function measureCheckLists(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-bench-lists-"));
  try {
    const bare = await timed(pipelineOf(undefined, folder));
    const rows = [["(none)", figure(bare), ""]];
    for (const check of measured) {
      const own = lines[check.name];
      const figures: number[] = [];
      for (const size of own === undefined ? [0] : sizes) {
        const place = join(folder, `${check.name}-${size}`);
        mkdirSync(place);
        if (own !== undefined) {
          writeFileSync(join(place, own[0]), `${Array.from({ length: size }, (_, i) => own[1](i)).join("\n")}\n`);
        }
        figures.push(await timed(pipelineOf(check, place)));
      }
      rows.push([check.name, ...(own === undefined ? [figure(figures[0]), "no list"] : figures.map(figure))]);
    }
    return table([["check that passes", "µs with 10 entries", "µs with 100,000"], ...rows]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `[checks] run` with every check that needs no network, and the files that it names, each with a list of 10 entries. */
export function allChecksToml(site: Site): string {
  const folder = join(site.folder, "lists");
  mkdirSync(folder, { recursive: true });
  for (const [file, line] of Object.values(lines)) {
    writeFileSync(join(folder, file), `${Array.from({ length: sizes[0] ?? 0 }, (_, i) => line(i)).join("\n")}\n`);
  }
  const sections = Object.entries(settings).filter(([name]) => measured.some((check) => check.name === name));
  return [
    `[control]\nfolders = ["${folder}"]`,
    `[checks]\nrun = ${JSON.stringify(measured.map(({ name }) => name).filter((name) => name !== "goodrcptto"))}`,
    ...sections.map(
      ([name, values]) =>
        `[checks.${name}]\n${Object.entries(values)
          .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
          .join("")}`,
    ),
  ].join("\n");
}

/** The relay with its defaults, and with every check on that needs no network. */
export async function measureAllChecks(generator: Generator, site: Site, quick: boolean): Promise<string> {
  const toml = allChecksToml(site);
  const started: Server[] = [];
  try {
    started.push(
      await startOurs(site, { name: "defaults" }),
      await startOurs(site, { name: "all checks", more: toml }),
    );
    const loads = loadsOf(site, 0).filter(({ mode }) => mode === "mixed" || mode === "reject");
    const rows: string[][] = [];
    for (const load of loads) {
      // The more checks, the more code there is to compile first.
      const times = quick ? { warmup: 4, rounds: 3 } : { warmup: 8, rounds: 9 };
      const [defaults, all] = await compareByTurns(generator, started, load, times);
      const figures = [defaults?.rate, all?.rate, all?.rateRatio, all?.cpuRatio].map(figure);
      rows.push([load.name, ...figures]);
    }
    return table([["load", "defaults, 1/s", "all checks, 1/s", "all / defaults", "by CPU time"], ...rows]);
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}
