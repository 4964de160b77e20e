/** A check with one list file, asked as the relay asks it: by stages, with its exemptions, and a list that changes. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createLists } from "../../src/compose/lists.ts";
import type { CheckDefinition, Stage } from "../../src/hooks/check.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import type { Services } from "../../src/hooks/services.ts";
import type { CommandHook } from "../../src/hooks/hook-names.ts";
import type { Session } from "../../src/hooks/session.ts";
import type { Outcome } from "../../src/hooks/outcome.ts";
import type { Step } from "../../src/hooks/step.ts";
import { pass } from "../../src/hooks/verdict.ts";
import type { Answer } from "../../src/hooks/verdict.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { noCounters } from "../../src/report/counters.ts";
import { servicesFor } from "../hooks/services.ts";
import { settingsOf, stepOf } from "../hooks/steps.ts";
import { asPrinted, Clock, mailbox, makeSession, messageOf, RecordingLog } from "./fixture.ts";

/** One session up to one RCPT. */
export interface Asked {
  readonly helo?: string;
  /** "" is the null sender. */
  readonly from?: string;
  readonly to?: string;
  readonly ip?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

const order = [
  ["connection", ["note", "policy"]],
  ["helo", ["note", "policy"]],
  ["mail", ["note", "policy", "sender", "last"]],
  ["rcpt", ["note", "sender", "policy", "recipient", "last"]],
] as const;

/** A check with one list file. */
export class ListScene {
  readonly folder: string = mkdtempSync(join(tmpdir(), "goodmailto-list-"));
  readonly file: string = join(this.folder, "list");
  readonly log: RecordingLog = new RecordingLog();
  readonly clock: Clock = new Clock();
  #pipeline: Pipeline | undefined;

  /** Starts the check. @param values its settings @param key the one that names the list */
  start(
    check: CheckDefinition,
    values: Readonly<Record<string, unknown>> = {},
    more: Partial<Services> = {},
    key = "file",
  ): this {
    const { log, clock } = this;
    const domains = createDomains(["ours.example"], { "alias.example": "ours.example" });
    const lists = createLists([this.folder], check.name, log, clock.now);
    const services = servicesFor({ log, now: clock.now, domains, lists, ...more });
    const run = check.create(settingsOf(check, { [key]: this.file, ...values }), services);
    this.#pipeline = new Pipeline([stepOf(check, run, { unless: check.unless ?? [] })], log, noCounters);
    return this;
  }

  /** Writes the list, which counts from the next question on. */
  write(text: string, mode = 0o644): this {
    rmSync(this.file, { force: true });
    writeFileSync(this.file, text);
    chmodSync(this.file, mode);
    return this.later();
  }

  remove(): this {
    rmSync(this.file, { recursive: true, force: true });
    return this.later();
  }

  later(ms = 1000): this {
    this.clock.time += ms;
    return this;
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** What the client is told first that is not an acceptance: "HOOK E550 …", "N", or "" for nothing. */
  async ask({ helo = "client.test", from = "sender@far.test", to, ip, variables = {} }: Asked): Promise<string> {
    const session = makeSession({ SMTPHELOHOST: helo, ...variables }, ip);
    session.helo = helo;
    for (const [hook, stages] of order) {
      if (hook === "mail") {
        session.begin(from === "" ? undefined : mailbox(from));
      } else if (hook === "rcpt") {
        session.recipient = mailbox(to ?? "vera@ours.example");
      }
      for (const stage of stages) {
        const outcome = await this.#run(hook, session, stage);
        if (outcome.verdict.kind !== "pass") {
          const close = outcome.verdict.kind === "refuse" && outcome.verdict.close === true ? " close" : "";
          return `${hook === "rcpt" ? "" : `${hook} `}${asPrinted(outcome.verdict)}${close}`;
        }
      }
    }
    return "";
  }

  /** The same of a message, which a check that taps hears in one piece. @param content one character per octet */
  async askMessage(content: string, { ip, variables = {} }: Asked = {}): Promise<string> {
    if (this.#pipeline === undefined) {
      throw new TypeError("start() comes first");
    }
    const session = makeSession(variables, ip);
    session.begin(mailbox("sender@far.test"));
    return asPrinted((await this.#pipeline.run("message", session, "policy", askAbout(session, content))).verdict);
  }

  #run(hook: CommandHook, session: ReturnType<typeof makeSession>, stage: Stage) {
    if (this.#pipeline === undefined) {
      throw new TypeError("start() comes first");
    }
    return this.#pipeline.run(hook, session, stage) as Outcome | Promise<Outcome>;
  }
}

/** How a check is asked at hook `message`, by what it needs of the message. */
export function askAbout(session: Session, content: string): (step: Step) => Answer {
  const message = messageOf(content);
  return ({ need, run }) => {
    if (need !== "tap") {
      return run.message?.(session, message) ?? pass;
    }
    const tap = run.tap?.(session, message);
    const wait = tap?.take(Buffer.from(content, "latin1"));
    return wait instanceof Promise ? wait.then(() => tap?.end() ?? pass) : (tap?.end() ?? pass);
  };
}
