/** A check that asks DNS early, against a name server on loopback and its list in one file. */
import { Pipeline } from "../../../src/hooks/pipeline.ts";
import type { CheckDefinition } from "../../../src/hooks/check.ts";
import type { Session } from "../../../src/hooks/session.ts";
import { createLists } from "../../../src/compose/lists.ts";
import { noCounters } from "../../../src/report/counters.ts";
import { resolverOf } from "../../dns/resolver-of.ts";
import { startDns } from "../../fakes/dns.ts";
import type { FakeDns } from "../../fakes/dns.ts";
import { servicesFor } from "../../hooks/services.ts";
import { settingsOf, stepOf } from "../../hooks/steps.ts";
import { asPrinted, mailbox, makeSession } from "../fixture.ts";
import { ListScene } from "../list-scene.ts";

/** A check that queries DNS when the client connects. */
export class EarlyScene {
  readonly dns: FakeDns;
  readonly lists = new ListScene();
  #pipeline = new Pipeline([], this.lists.log, noCounters);

  private constructor(dns: FakeDns) {
    this.dns = dns;
  }

  static async open(): Promise<EarlyScene> {
    return new EarlyScene(await startDns());
  }

  /** @param checks with their settings, in the order of `[checks] run` */
  start(...checks: readonly (readonly [check: CheckDefinition, values: Readonly<Record<string, unknown>>])[]): this {
    const { log, clock } = this.lists;
    const dns = resolverOf([this.dns.server], { timeout: 300 }, log, clock.now);
    const steps = checks.map(([check, values]) => {
      const services = servicesFor({ log, now: clock.now, dns, lists: createLists([], check.name, log, clock.now) });
      return stepOf(check, check.create(settingsOf(check, values), services), { unless: check.unless ?? [] });
    });
    this.#pipeline = new Pipeline(steps, log, noCounters);
    return this;
  }

  /** A session up to one RCPT, which is answered so; "": passed. */
  async ask(
    to = "vera@ours.example",
    from = "a@far.test",
    variables: Readonly<Record<string, string>> = {},
    ip = "192.0.2.7",
  ): Promise<string> {
    return (await this.open(to, from, variables, ip)).told;
  }

  /** The same, with the session for further RCPTs. */
  async open(
    to: string,
    from: string,
    variables: Readonly<Record<string, string>> = {},
    ip = "192.0.2.7",
  ): Promise<{ readonly session: Session; readonly told: string }> {
    const session = makeSession(variables, ip);
    const { verdict } = await this.#pipeline.run("connection", session, "policy");
    if (verdict.kind !== "pass") {
      return { session, told: `connection ${asPrinted(verdict)}` };
    }
    session.begin(from === "" ? undefined : mailbox(from));
    await this.#pipeline.run("mail", session, "policy");
    return { session, told: await this.rcpt(session, to) };
  }

  async rcpt(session: Session, to: string): Promise<string> {
    session.recipient = mailbox(to);
    await this.#pipeline.run("rcpt", session, "note");
    const { verdict } = await this.#pipeline.run("rcpt", session, "policy");
    const last = verdict.kind === "pass" ? await this.#pipeline.run("rcpt", session, "recipient") : { verdict };
    return asPrinted(last.verdict);
  }

  async close(): Promise<void> {
    this.lists.close();
    await this.dns.close();
  }
}
