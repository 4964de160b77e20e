/**
 * The matrix: every check under every condition of what it uses, up to the reply to a message. What a check uses is read from its own
 * declaration: its list files, and the services that its `create` takes. Each cell is a test; `under` names the rows.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import { createLists } from "../../src/compose/lists.ts";
import type { Outcome } from "../../src/hooks/outcome.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import type { Services } from "../../src/hooks/services.ts";
import type { Step } from "../../src/hooks/step.ts";
import { pass } from "../../src/hooks/verdict.ts";
import type { Answer as CheckAnswer } from "../../src/hooks/verdict.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { replyText } from "../../src/mail/reply.ts";
import { noCounters } from "../../src/report/counters.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { State } from "../../src/state/state.ts";
import { servicesFor } from "../hooks/services.ts";
import { settingsOf, stepOf } from "../hooks/steps.ts";
import {
  asking,
  askingLists,
  away,
  dnsOf,
  failed,
  forged,
  hostileLines,
  listsOf,
  servicesOf,
  silent,
} from "./conditions.ts";
import { mailbox, makeSession, messageOf } from "./fixture.ts";
import { askAbout, ListScene } from "./list-scene.ts";

/** Programs of others: test/spp has their conditions. */
const programs = new Set(["spp"]);
const tried = checks.filter(({ name }) => !programs.has(name));

const mail = "From: sender@far.test\r\nTo: vera@ours.example\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n\r\nhello\r\n";

const stages = {
  connection: ["note", "policy"],
  helo: ["note", "policy"],
  mail: ["note", "policy", "sender", "last"],
  rcpt: ["note", "sender", "policy", "recipient", "last"],
  data: ["note", "policy"],
} as const;

interface Asked {
  readonly ip?: string;
  readonly from?: string;
}

/** The checks that were asked about a message. */
const reached = new Set<string>();

describe.each(tried)("$name under", (check) => {
  const uses = servicesOf(check);
  const lists = listsOf(check);
  let scene: ListScene;
  beforeEach(() => {
    scene = new ListScene();
  });
  afterEach(() => scene.close());

  const start = (more: Partial<Services> = {}): Pipeline => {
    const { log, clock } = scene;
    const services = servicesFor({
      log,
      now: clock.now,
      domains: createDomains(["ours.example"]),
      lists: createLists([scene.folder], check.name, log, clock.now),
      state: new State(new MemoryStore(clock.now), log),
      ...more,
    });
    const files = Object.fromEntries(lists.map((key) => [key, scene.file]));
    const run = check.create(settingsOf(check, { ...files, ...asking[check.name] }), services);
    return new Pipeline([stepOf(check, run, { unless: check.unless ?? [] })], log, noCounters);
  };
  /** What each hook is told, up to the end of a message; every reply must be one on the wire. */
  const ask = async (pipeline: Pipeline, { ip, from = "sender@far.test" }: Asked = {}): Promise<string[]> => {
    const session = makeSession({ SMTPHELOHOST: "client.test" }, ip);
    session.helo = "client.test";
    const said: string[] = [];
    const hear = (hook: string, { verdict }: Outcome): void => {
      if (verdict.kind === "refuse") {
        expect(verdict.reply.code).toBeGreaterThanOrEqual(400);
        expect(verdict.reply.wire).toMatch(/^(?:[45]\d\d[ -][\x20-\x7e]{0,507}\r\n)+$/);
        said.push(`${hook} ${replyText(verdict.reply)}`);
      }
    };
    for (const hook of ["connection", "helo", "mail", "rcpt", "data"] as const) {
      if (hook === "mail") {
        session.begin(from === "" ? undefined : mailbox(from));
      } else if (hook === "rcpt") {
        session.recipient = mailbox("vera@ours.example");
      }
      for (const stage of stages[hook]) {
        hear(hook, await pipeline.run(hook, session, stage));
      }
      if (hook === "rcpt" && said.length === 0 && session.rcpt !== undefined) {
        session.transaction?.accepted.push(session.rcpt);
      }
    }
    if (session.transaction?.accepted.length === 1) {
      reached.add(check.name);
      const message = messageOf(mail);
      const wanted = new Set(pipeline.demanding(session));
      const isWanted = (step: Step): boolean => step.need === "header" || wanted.has(step);
      const atHeader = (step: Step): CheckAnswer =>
        (isWanted(step) ? step.run.header?.(session, message) : pass) ?? pass;
      hear("header", await pipeline.run("header", session, "policy", atHeader));
      const atEnd = askAbout(session, mail);
      hear(
        "message",
        await pipeline.run("message", session, "policy", (step) => (isWanted(step) ? atEnd(step) : pass)),
      );
    }
    pipeline.concluded(session, "delivered");
    pipeline.end(session);
    return said;
  };
  const faults = (): string[] => scene.log.lines.filter((line) => line.includes("internal error"));
  /** What it says where nothing is configured, and everything it asks has nothing to say. */
  const untouched = async (): Promise<string[]> => ask(start({ dns: dnsOf(() => ({ kind: "absent", ttl: 1000 })) }));
  /** As {@link untouched}, or deferred: a fault of ours or of a service is never a 5xx. */
  const noRefusal = (said: readonly string[], usual: readonly string[]): void => {
    const permanent = said.filter((words) => / 5\d\d /.test(` ${words.split(" ").slice(1).join(" ")} `));
    expect(permanent.filter((words) => !usual.includes(words))).toEqual([]);
  };

  it("a null sender, IPv6, and both", async () => {
    for (const one of [{ from: "" }, { ip: "2001:db8::7" }, { ip: "::ffff:192.0.2.7" }, { from: "", ip: "::1" }]) {
      await ask(start(), one);
    }
    expect(faults()).toEqual([]);
  });

  it("200 sessions at once, which hear what one hears", async () => {
    const pipeline = start();
    const all = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => ask(pipeline, { ip: `198.51.100.${n}` })),
    );
    const alone = await ask(start(), { ip: "198.51.100.250" });
    expect(new Set(all.map((said) => said.join("|")))).toEqual(new Set([alone.join("|")]));
    expect(faults()).toEqual([]);
  });

  if (lists.length > 0) {
    it.each<[string, () => unknown]>([
      ["missing", () => undefined],
      ["empty", () => writeFileSync(scene.file, "")],
      ["only comments", () => writeFileSync(scene.file, "# none\n\n  # none\n")],
      ["unreadable from the start", () => mkdirSync(scene.file)],
    ])(`a list that is %s: ${lists.join(", ")}`, async (_, make) => {
      const usual = await untouched();
      make();
      expect(await ask(start({ dns: dnsOf(() => ({ kind: "absent", ttl: 1000 })) }))).toEqual(usual);
      expect(faults()).toEqual([]);
    });

    it("hostile lines, alone and 100,000 of them, and a list that changes all the time", async () => {
      writeFileSync(scene.file, hostileLines);
      const pipeline = start();
      const texts = [hostileLines, "", `${"(a+)+$ x\n".repeat(100_000)}`, "\xff\xfe\x00", hostileLines];
      for (const text of texts) {
        rmSync(scene.file, { recursive: true, force: true });
        writeFileSync(scene.file, text);
        scene.later();
        await Promise.all([ask(pipeline), ask(pipeline, { from: "", ip: "2001:db8::7" })]);
      }
      scene.remove();
      mkdirSync(scene.file);
      scene.later();
      await ask(pipeline);
      expect(faults()).toEqual([]);
    }, 60_000);
  }

  if (uses.has("state")) {
    it("a store that is away", async () => {
      const usual = await untouched();
      noRefusal(await ask(start({ state: new State(away, scene.log) })), usual);
      expect(faults()).toEqual([]);
    });
  }

  if (uses.has("dns")) {
    it("DNS that is silent, fails, or is forged", async () => {
      writeFileSync(scene.file, askingLists[check.name] ?? "");
      const usual = await untouched();
      for (const answer of [silent, failed]) {
        const seen: string[] = [];
        noRefusal(await ask(start({ dns: dnsOf(answer, seen) })), usual);
        // Else the test would prove nothing; checks of messages have tests of their own.
        expect(seen.length > 0 || check.hooks.every((hook) => hook === "message")).toBe(true);
      }
      // Whatever a stranger's zone says, the reply is one line on the wire: see `ask`.
      await ask(start({ dns: forged }));
      expect(faults()).toEqual([]);
    });
  }
});

describe("the matrix", () => {
  it("asked every check that sees messages about one", () => {
    const seeing = tried.filter(({ hooks }) => hooks.includes("header") || hooks.includes("message"));
    expect(seeing.map(({ name }) => name).filter((name) => !reached.has(name))).toEqual([]);
  });

  it("has every check that asks DNS, remembers, or reads a list, by its own declaration", () => {
    const table = tried.map((check) => {
      const uses = servicesOf(check);
      return [check.name, listsOf(check).length > 0, uses.has("state"), uses.has("dns")] as const;
    });
    // `remembers` says the same of the state.
    expect(
      table.filter(([name, , state]) => state !== (checks.find((one) => one.name === name)?.remembers === true)),
    ).toEqual([]);
    expect(table.filter(([, lists]) => lists).length).toBeGreaterThan(15);
    expect(table.filter(([, , , dns]) => dns).map(([name]) => name)).toEqual(
      expect.arrayContaining([
        "dnsbl",
        "dnswl",
        "rhsbl",
        "rblspp",
        "dns_user",
        "nodialup",
        "require_resolvable_client",
      ]),
    );
  });
});
