/** A home folder with real plugin programs, and sessions that meet them through the real pipeline. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { recipientsOf, servicesFor } from "../hooks/services.ts";
import { settingsOf, stepOf } from "../hooks/steps.ts";
import { spp } from "../../src/checks/programs/spp.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import { Session } from "../../src/hooks/session.ts";
import type { Verdict } from "../../src/hooks/verdict.ts";
import { parseMailbox } from "../../src/mail/address.ts";
import { noCounters } from "../../src/report/counters.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import type { Log, LogFields } from "../../src/report/log.ts";
import { replyText } from "../../src/mail/reply.ts";
import type { PluginHook } from "../../src/spp/config.ts";

/** One line of the log. */
export interface Logged {
  readonly part: string;
  readonly event: string;
  readonly fields: LogFields;
}

/** A session and what its client was sent by P. */
export interface Client {
  readonly session: Session;
  readonly printed: string[];
}

/** What a verdict comes to, in a few words: "550 no", "550 no; close", "pass". */
export function wordsOf(verdict: Verdict): string {
  return verdict.kind === "refuse"
    ? replyText(verdict.reply) + (verdict.close === true ? "; close" : "")
    : verdict.kind;
}

let sessions = 0;

/** Sessions with real plugin programs. */
export class Scene {
  readonly home = mkdtempSync(join(tmpdir(), "goodmailto-spp-"));
  readonly logged: Logged[] = [];
  /** ms by which the scene's clock is ahead. */
  #later = 0;
  readonly pipeline: Pipeline;
  /** That of a second listener with the same settings. */
  readonly secondPipeline: Pipeline;

  constructor(settings: Readonly<Record<string, unknown>> = {}) {
    mkdirSync(join(this.home, "control"));
    mkdirSync(join(this.home, "plugins"));
    const note = (part: string, event: string, fields: LogFields = {}): void => {
      this.logged.push({ part, event, fields });
    };
    const log: Log = { ...silentLog, info: note, warning: note, error: note };
    const values = settingsOf(spp, { home: this.home, ...settings });
    const recipients = recipientsOf({ kind: "unknown" });
    const domains = createDomains(["good.test", "other.test", "myhost.com"]);
    const makePipeline = (): Pipeline => {
      const run = spp.create(values, servicesFor({ recipients, domains, log, now: () => Date.now() + this.#later }));
      return new Pipeline([stepOf(spp, run)], log, noCounters);
    };
    this.pipeline = makePipeline();
    this.secondPipeline = makePipeline();
  }

  /** Writes `control/smtpplugins`, or another file, a second later than the previous one. */
  config(text: string, name = "control/smtpplugins"): void {
    this.#later += 1000;
    writeFileSync(join(this.home, name), text);
  }

  /** Writes a program; a body without "#!" is one for sh. */
  plugin(name: string, body: string): void {
    const text = body.startsWith("#!") ? body : `#!/bin/sh\n${body}\n`;
    writeFileSync(join(this.home, "plugins", name), text, { mode: 0o755 });
  }

  /** The lines of a file that plugins wrote. */
  lines(name: string): string[] {
    return readFileSync(join(this.home, name), "utf8").trimEnd().split("\n");
  }

  /** A new session, before its connection hook. */
  client(variables: Readonly<Record<string, string>> = {}): Client {
    sessions += 1;
    const printed: string[] = [];
    const peer = { ip: "192.0.2.1", port: 4711, host: "" };
    const map = new Map(Object.entries({ PROTO: "TCP", TCPREMOTEIP: peer.ip, ...variables }));
    const session = new Session(`s${sessions}`, peer, peer, "test", map, (line) => printed.push(line));
    return { session, printed };
  }

  /** A session that has been greeted. */
  async greeted(variables: Readonly<Record<string, string>> = {}): Promise<Client> {
    const client = this.client(variables);
    await this.ask(client, "connection");
    return client;
  }

  /** Runs a hook as the SMTP side does, and tells its verdict in words. */
  async ask({ session }: Client, hook: PluginHook, pipeline = this.pipeline): Promise<string> {
    const { verdict } = await pipeline.run(hook, session, "policy");
    return wordsOf(verdict);
  }

  async mail(client: Client, address: string): Promise<string> {
    const { session } = client;
    session.begin(address === "" ? undefined : parseMailbox(address));
    session.variables.set("SMTPMAILFROM", address);
    session.changing = "mail";
    return this.ask(client, "mail");
  }

  async rcpt(client: Client, address: string): Promise<string> {
    const { session } = client;
    session.recipient = parseMailbox(address);
    session.variables.set("SMTPRCPTTO", address);
    session.changing = "rcpt";
    return this.ask(client, "rcpt");
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}
