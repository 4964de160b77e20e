/** Random lists and envelopes, and workers that judge them as the relay does, with every check that needs no network. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { createLists } from "../../src/compose/lists.ts";
import type { CheckDefinition, CheckRun } from "../../src/hooks/check.ts";
import type { CommandHook } from "../../src/hooks/hook-names.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import type { Tables } from "../../src/hooks/services.ts";
import { Session } from "../../src/hooks/session.ts";
import type { Answer, Verdict } from "../../src/hooks/verdict.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { replyText } from "../../src/mail/reply.ts";
import { noCounters } from "../../src/report/counters.ts";
import { silentLog } from "../../src/report/log.ts";
import { judgeRecipient } from "../../src/smtp/session/recipient.ts";
import { servicesFor } from "../hooks/services.ts";
import { settingsOf, stepOf } from "../hooks/steps.ts";

/** One session with one transaction. */
export interface Envelope {
  readonly ip: string;
  readonly helo: string;
  /** "": the null sender. */
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly variables: ReadonlyMap<string, string>;
}

/** Hears of each check's own verdict: `check hook recipient` and the verdict in words. */
export type Hear = (question: string, verdict: string) => void;

/** Makes envelopes and lists by chance. @param random a number in [0, 1) */
export function createChance(random: () => number) {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: Math.floor(random() * (most + 1)) }, make);
  const user = (): string =>
    pick(["vera", "Otto", "gone", "trap", "bulk7", "a%b", '"x y"', "vera.2.count", "root", "sales+x"]);
  const domain = (): string =>
    pick(["ours.example", "OURS.example", "alias.example", "spam.example", "sub.spam.example", "far.example"]);
  const address = (): string => `${user()}@${domain()}`;
  const entry = (): string =>
    pick([address, () => `@${domain()}`, () => "^bulk", () => user(), () => "# none", () => "@@"])();
  const ip = (): string => pick(["192.0.2.7", "192.0.2.8", "198.51.100.1", "2001:db8::7"]);
  const helo = (): string => pick(["client.example", "bad.example", "[192.0.2.7]", "x"]);
  const code = (): string => pick(["OK", "DENY", "DENYSOFT", "DENY_DISCONNECT", "DECLINED", "deny", "NONSENSE"]);
  const line =
    (make: () => string): (() => string) =>
    () =>
      `${make()}${pick(["", " for a reason", "\tno"])}`;
  const files: Readonly<Record<string, () => string>> = {
    badhelo: helo,
    badmailfrom: line(entry),
    badmailfromto: () => `${entry()}\t${address()}`,
    badrcptto: line(entry),
    badrcptto_patterns: () => `${pick(["%", "^bulk", " ", "(a+)+$", "["])} no such place`,
    bounce_rcpt: () => `${pick([address(), "/^vera/", "/x/"])} ${code()} text`,
    rcpt_regexp: () => `${pick([address(), "/^vera/", "/@far/"])} ${code()} text`,
    acceptbounce: () => pick([user(), address()]),
    goodrcptto: entry,
    relocated: () => `${address()} ${address()}`,
    verybadrcptto: address,
    whitelisthosts: () => pick([ip(), "192.0.2.", "198.51.100.0/24"]),
    whitelisthelo: helo,
    whitelistsenders: () => pick([address(), domain()]),
    whitelistrcpt: () => pick([address(), domain()]),
    aliases: () => `${pick(["info", "sales", "gone"])}@ours.example: ${address()}`,
  };
  return {
    random,
    pick,
    /** Writes lists into a folder; some are missing. */
    writeLists(folder: string): void {
      mkdirSync(folder, { recursive: true });
      for (const [name, make] of Object.entries(files)) {
        if (random() < 0.6) {
          writeFileSync(join(folder, name), `${some(4, make).join("\n")}\n`);
        }
      }
    },
    envelope: (): Envelope => ({
      ip: ip(),
      helo: helo(),
      sender: random() < 0.15 ? "" : address(),
      recipients: [address(), ...some(2, address)],
      variables: new Map(random() < 0.1 ? [["RELAYCLIENT", ""]] : []),
    }),
  };
}

/** What a worker has of its own. */
export interface Plan {
  readonly checks: readonly CheckDefinition[];
  readonly folder: string;
  readonly state: Tables;
  readonly now: () => number;
  readonly hear?: Hear;
}

/** Settings without which a check would have nothing to do. */
const settings: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  badmailfrom: { file: "badmailfrom" },
  verybadrcptto: { file: "verybadrcptto" },
  aliases: { unknown: "pass" },
  greylisting: { sender: true, white: "12h" },
};

/** One process of the relay, as far as checks go. */
export class Worker {
  readonly #pipeline: Pipeline;
  readonly #services: ReturnType<typeof servicesFor>;

  constructor({ checks, folder, state, now, hear }: Plan) {
    const domains = createDomains(["ours.example"], { "alias.example": "ours.example" });
    this.#services = servicesFor({ domains, state, now });
    const steps = checks.map((check) => {
      const lists = createLists([folder], check.name, silentLog, now);
      const run = check.create(settingsOf(check, settings[check.name]), { ...this.#services, lists });
      const heard = hear === undefined ? run : listenTo(check, run, hear);
      return stepOf(check, heard, { unless: check.unless ?? [] });
    });
    this.#pipeline = new Pipeline(steps, silentLog, noCounters);
  }

  /** Every reply up to the first that ends the session, in order. */
  async judge({ ip, helo, sender, recipients, variables }: Envelope): Promise<string[]> {
    const nowhere = { ip: "127.0.0.1", port: 25, host: "" };
    const own = new Map(variables);
    const session = new Session("fuzz", { ip, port: 4000, host: "" }, nowhere, "smtp", own, () => undefined);
    session.helo = helo;
    session.variables.set("SMTPHELOHOST", helo);
    const said: string[] = [];
    for (const hook of ["connection", "helo"] as const) {
      said.push(await this.#run(hook, session));
    }
    const transaction = session.begin(sender === "" ? undefined : parseMailbox(sender));
    said.push(await this.#run("mail", session), wordsOf((await this.#pipeline.run("mail", session, "sender")).verdict));
    const { recipients: known, domains, log } = this.#services;
    const service = { recipients: known, domains, log, counters: noCounters, pipeline: this.#pipeline };
    for (const recipient of recipients) {
      const mailbox = parseMailbox(recipient);
      if (mailbox !== undefined && said.every((words) => words === "pass" || !words.includes("closed"))) {
        const judged = await judgeRecipient(service, session, transaction, mailbox);
        said.push(judged.kind === "passed" ? `passed ${judged.mailbox.user}` : JSON.stringify(judged.response));
      }
    }
    said.push(await this.#run("data", session));
    this.#pipeline.end(session);
    return said;
  }

  async #run(hook: CommandHook, session: Session): Promise<string> {
    return wordsOf((await this.#pipeline.run(hook, session, "policy")).verdict);
  }
}

function wordsOf(verdict: Verdict): string {
  if (verdict.kind !== "refuse") {
    return verdict.kind;
  }
  return `${verdict.reason} ${replyText(verdict.reply)}${verdict.close === true ? " closed" : ""}`;
}

/** The hooks up to RCPT: later ones depend on which recipients were accepted. */
const heardHooks = ["connection", "helo", "mail", "rcpt"] as const;

function listenTo(check: CheckDefinition, run: CheckRun, hear: Hear): CheckRun {
  const listened: CheckRun = { ...run };
  for (const hook of heardHooks) {
    const own = run[hook];
    if (own === undefined) {
      continue;
    }
    listened[hook] = (session): Answer => {
      const about = hook === "rcpt" ? ` ${session.transaction?.asked} ${JSON.stringify(session.recipient)}` : "";
      const tell = (verdict: Verdict): Verdict => {
        hear(`${check.name} ${hook}${about}`, wordsOf(verdict));
        return verdict;
      };
      const answer = own(session);
      return answer instanceof Promise ? answer.then(tell) : tell(answer);
    };
  }
  return listened;
}
