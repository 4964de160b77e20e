/**
 * What all checks have in common, over the registry: every check in every mode, with every common setting, at every
 * hook that it has. The settings are read from TOML by the real schema, and the pipeline is the real one; only what
 * the check answers is made up, since a test of its own shows how it comes to that.
 */
import { describe, expect, it } from "vitest";

import { checks } from "../../src/checks/all.ts";
import { sectionsOfChecks } from "../../src/compose/check-sections.ts";
import { stepOf } from "../../src/compose/pipeline.ts";
import { schemaFor } from "../../src/compose/settings.ts";
import { exemptions } from "../../src/config/check-words.ts";
import type { Exemption } from "../../src/config/check-words.ts";
import { checkConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";
import { stages } from "../../src/hooks/check.ts";
import type { CheckDefinition, Denial } from "../../src/hooks/check.ts";
import type { CheckSession } from "../../src/hooks/check-session.ts";
import type { HookName } from "../../src/hooks/hook-names.ts";
import type { Outcome } from "../../src/hooks/outcome.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import { apart } from "../../src/hooks/plan.ts";
import type { Ask } from "../../src/hooks/pipeline.ts";
import type { Step } from "../../src/hooks/step.ts";
import { pass, refuse } from "../../src/hooks/verdict.ts";
import { reply, replyText } from "../../src/mail/reply.ts";
import { createLog } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { mailbox, makeSession, messageOf } from "../checks/fixture.ts";
import { onlyUnless } from "./only-unless.ts";
import { madeUp } from "./steps.ts";

type Refusing = "connection" | "helo" | "auth" | "mail" | "rcpt" | "data" | "header" | "message";
const refusing: readonly HookName[] = ["connection", "helo", "auth", "mail", "rcpt", "data", "header", "message"];
const early: readonly HookName[] = ["connection", "helo", "auth", "mail"];

/** A check with a hook of its own and the reason that it is to refuse for. */
interface Case {
  readonly check: CheckDefinition;
  readonly hook: Refusing;
  readonly reason: string;
}

const cases: readonly Case[] = checks.flatMap((check) =>
  Object.keys(check.reasons).flatMap((reason) =>
    check.hooks
      .filter((hook): hook is Refusing => refusing.includes(hook))
      // Its verdict at RCPT does not count.
      .filter((hook) => !(check.stage === "note" && hook === "rcpt"))
      .map((hook) => ({ check, hook, reason })),
  ),
);

/** The check of a case at work, by the settings of a file. @param top settings outside of the check's section; @param code of its refusal */
function scene({ check, hook, reason }: Case, settings: string, instance?: string, top = "", code = 550) {
  const section = check.section ?? `checks.${check.name}`;
  const header = instance === undefined ? `[${section}]` : `[[${section}]]\nname = "${instance}"`;
  const label = instance === undefined ? check.name : `${check.name}:${instance}`;
  const text = `${top}\nchecks.run = ["${label}"]\n${header}\n${settings}\n`;
  const loaded = checkConfig(text, "c.toml", schemaFor, []);
  if (loaded.kind === "faults") {
    throw new Error(loaded.faults.map(formatFault).join("\n"));
  }
  const found = sectionsOfChecks(loaded.settings).find((one) => one.label === label);
  if (found === undefined) {
    throw new Error(`no section ${label}`);
  }
  let asked = 0;
  const answer = () => {
    asked++;
    return refuse(reason, reply(code, `${Math.trunc(code / 100)}.7.1`, "the check's own text"));
  };
  const [lines, heard, metrics]: [string[], Denial[], ReturnType<typeof createMetrics>] = [[], [], createMetrics()];
  const log = createLog({ format: "plain", level: "info", write: (line) => lines.push(line) });
  const step = stepOf(
    { ...found, check: { ...check, create: () => ({ [hook]: answer }) } },
    {} as never,
    loaded.settings.smtp,
  );
  const listener = madeUp("listener", {
    denied: (_session: CheckSession, denial: Denial) => void heard.push(denial),
  });
  const pipeline = new Pipeline([step, listener], log, metrics);
  const session = makeSession();
  if (!["connection", "helo", "auth"].includes(hook)) {
    session.begin(mailbox("sender@sender.test"));
  }
  const run = (): Outcome => {
    if (hook === "rcpt") {
      session.recipient = mailbox("user@kontor.example");
    }
    const ask =
      hook === "message" || hook === "header"
        ? ({ run: asked }: Step) => asked[hook]?.(session, messageOf("")) ?? pass
        : undefined;
    const stage = apart[hook]?.includes(check.stage) === true ? check.stage : "policy";
    return pipeline.run(hook as "message", session, stage, ask as Ask) as Outcome;
  };
  return { run, session, lines, heard, metrics, label, asked: () => asked };
}

const refusalsOf = (metrics: ReturnType<typeof createMetrics>): unknown[] =>
  Object.entries(metrics.totals()).filter(([name, count]) => name.startsWith("refusals") && count > 0);

describe.each(cases.map((one) => [`${one.check.name} at ${one.hook} (${one.reason})`, one] as const))(
  "%s",
  (_, one) => {
    const { check, hook, reason } = one;
    const own = (key: string): boolean => key in check.settings;

    it("refuses in mode enforce, is counted, and others hear of it", () => {
      const { run, heard, metrics, label } = scene(one, "");
      const outcome = run();
      expect(outcome).toMatchObject({ verdict: { kind: "refuse", reason }, step: { label } });
      expect(outcome).not.toMatchObject({ verdict: { close: true } });
      expect(refusalsOf(metrics)).toEqual([[`refusals{reason="${reason}",check="${label}"}`, 1]]);
      expect(heard).toEqual([{ check: label, reason, hook }]);
    });

    it("passes in mode observe, and says in the log what it would have done", () => {
      const { run, heard, metrics, lines } = scene(one, 'mode = "observe"');
      expect(run()).toMatchObject({ verdict: { kind: "pass" }, observed: { kind: "refuse", reason } });
      expect(lines.join("\n")).toContain(`observed verdict=refuse reason=${reason}`);
      expect([heard, refusalsOf(metrics)]).toEqual([[], []]);
    });

    onlyUnless(own("mode"))("in mode later waits for RCPT before it, and refuses at once from there on", () => {
      const { run, session, lines, heard } = scene(one, 'mode = "later"');
      const { verdict } = run();
      if (early.includes(hook)) {
        expect(verdict).toMatchObject({ kind: "pass" });
        expect(session.pending).toMatchObject([{ verdict: { reason }, hook }]);
        expect(lines.join("\n")).toContain("will refuse later");
        expect(heard).toEqual([]);
      } else {
        expect(verdict).toMatchObject({ kind: "refuse", reason });
        expect(session.pending).toEqual([]);
      }
    });

    it("adds its points once in mode score, and passes", () => {
      const { run, session, heard } = scene(one, 'mode = "score"\npoints = 3');
      expect(run()).toMatchObject({ verdict: { kind: "pass" } });
      run();
      expect([session.points, heard]).toEqual([3, []]);
    });

    it("is not asked where one of `unless` holds, and only there", () => {
      const exempting: Readonly<Record<Exemption, (session: ReturnType<typeof scene>["session"]) => void>> = {
        "relay client": (session) => session.variables.set("RELAYCLIENT", ""),
        authenticated: (session) => session.variables.set("SMTPAUTHUSER", "marta"),
        bypass: (session) => session.variables.set("NOGOODMAILTO", ""),
        whitelisted: (session) => session.apply({ kind: "whitelist", owner: "session" }),
        "special recipient": () => undefined,
      };
      for (const exemption of exemptions.filter((word) => word !== "special recipient")) {
        const spared = scene(one, `unless = ["${exemption}"]`);
        exempting[exemption](spared.session);
        expect([spared.run().verdict.kind, spared.asked()]).toEqual(["pass", 0]);
        const asked = scene(one, "unless = []");
        exempting[exemption](asked.session);
        expect([asked.run().verdict.kind, asked.asked()]).toEqual(["refuse", 1]);
      }
    });

    onlyUnless(own("permanent"))("refuses with 4xx where `permanent` is false", () => {
      const { verdict } = scene(one, "permanent = false").run();
      expect(verdict.kind === "refuse" && replyText(verdict.reply)).toBe("450 4.7.1 the check's own text");
    });

    it("refuses messages with qpsmtpd's numbers, and all else with the same ones, where `qpsmtpd_codes` is true", () => {
      const codeOf = (code: number, top: string, settings = "") => {
        const { verdict } = scene(one, settings, undefined, top, code).run();
        return verdict.kind === "refuse" ? verdict.reply.wire : "";
      };
      const top = "smtp.qpsmtpd_codes = true";
      const isMessage = hook === "message";
      expect(codeOf(554, top)).toBe(`${isMessage ? 552 : 554} 5.7.1 the check's own text\r\n`);
      expect(codeOf(451, top)).toBe(`${isMessage ? 452 : 451} 4.7.1 the check's own text\r\n`);
      expect([codeOf(554, ""), codeOf(550, top)]).toEqual([
        expect.stringMatching(/^554 /),
        expect.stringMatching(/^550 /),
      ]);
      if (!own("permanent")) {
        expect(codeOf(554, top, "permanent = false")).toMatch(isMessage ? /^452 4/ : /^451 4/);
      }
    });

    onlyUnless(own("close"))("ends the session where `close` is true", () => {
      expect(scene(one, "close = true").run()).toMatchObject({ verdict: { kind: "refuse", close: true } });
    });

    onlyUnless(own("reply"))("says the text of `reply`", () => {
      const { verdict } = scene(one, 'reply = "Call +49 40 1234"').run();
      expect(verdict.kind === "refuse" && replyText(verdict.reply)).toBe("550 5.7.1 Call +49 40 1234");
    });

    onlyUnless(check.section !== undefined)("has the name of its instance in log and metrics", () => {
      const { run, metrics, label } = scene(one, "", "strict");
      expect(run()).toMatchObject({ step: { label } });
      expect(refusalsOf(metrics)).toEqual([[`refusals{reason="${reason}",check="${check.name}:strict"}`, 1]]);
    });
  },
);

describe("modes and exemptions", () => {
  const refused = refuse("no", reply(550, "5.7.1", "No"));
  const make = (...steps: ReturnType<typeof madeUp>[]) => {
    const log = createLog({ format: "plain", level: "info", write: () => undefined });
    return new Pipeline(steps, log, createMetrics());
  };

  it("take every check of a hook into account, whatever its stage", () => {
    for (const stage of stages) {
      for (const hook of ["connection", "helo", "mail", "data"] as const) {
        const pipeline = make(madeUp("one", { [hook]: () => refused }, { stage }));
        const session = makeSession();
        session.begin(undefined);
        const outcomes = stages.map((each) => pipeline.run(hook, session, each)) as Outcome[];
        expect(
          outcomes.filter(({ verdict }) => verdict.kind === "refuse"),
          `${stage} at ${hook}`,
        ).toHaveLength(1);
      }
      const told: string[] = [];
      const all = make(
        madeUp(
          "one",
          {
            denied: (_session, { check }) => void told.push(check),
            unrecognised: (_session, line) => void told.push(line),
            concluded: (_session, conclusion) => void told.push(conclusion),
            end: () => void told.push("end"),
          },
          { stage },
        ),
      );
      void all.denied(makeSession(), { check: "two", reason: "no", hook: "rcpt" });
      void all.denied(makeSession(), { check: "one", reason: "no", hook: "rcpt" });
      void all.unrecognised(makeSession(), "XYZZY");
      all.concluded(makeSession(), "delivered");
      all.end(makeSession());
      expect(told).toEqual(["two", "XYZZY", "delivered", "end"]);
    }
  });

  it("wait for what delays a reply, but not for a check that only observes, nor for one that fails", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const run = { denied: () => promise, unrecognised: () => promise };
    const denial = { check: "two", reason: "no", hook: "rcpt" } as const;
    const failing = { denied: () => Promise.reject(new Error("broken")), unrecognised: () => undefined };
    const waits = make(madeUp("one", run), madeUp("three", failing));
    let done = 0;
    const all = [waits.denied(makeSession(), denial), waits.unrecognised(makeSession(), "XYZZY")].map((wait) =>
      wait?.then(() => done++),
    );
    await make(madeUp("three", failing)).denied(makeSession(), denial);
    expect([all.every((wait) => wait instanceof Promise), done]).toEqual([true, 0]);
    resolve();
    await Promise.all(all.map((wait) => wait ?? Promise.resolve(0)));
    expect(done).toBe(2);
    const observing = make(madeUp("one", run, { common: { mode: "observe" } }));
    expect(observing.denied(makeSession(), denial)).toBeUndefined();
    expect(observing.unrecognised(makeSession(), "XYZZY")).toBeUndefined();
  });

  it("tell a check of the end whatever the client has become", () => {
    const told: string[] = [];
    const run = {
      concluded: () => void told.push("concluded"),
      end: () => void told.push("end"),
      unrecognised: () => void told.push("unrecognised"),
    };
    const pipeline = make(madeUp("one", run, { common: { unless: ["authenticated"] } }));
    const session = makeSession({ SMTPAUTHUSER: "marta" });
    void pipeline.unrecognised(session, "XYZZY");
    pipeline.concluded(session, "unknown");
    pipeline.end(session);
    expect(told).toEqual(["concluded", "end"]);
  });

  it("carry out no decision of a check in mode observe, but what it says and notes", () => {
    const rcpt = (session: CheckSession) => {
      session.apply({ kind: "address", mailbox: mailbox("other@kontor.example") });
      session.apply({ kind: "whitelist", owner: "session", policyOff: true });
      session.apply({ kind: "set", name: "SEEN", value: "1" });
      return pass;
    };
    const changed = (common: { mode: "observe" | "enforce" }) => {
      const session = makeSession();
      session.begin(undefined);
      session.recipient = mailbox("user@kontor.example");
      session.changing = "rcpt";
      void make(madeUp("one", { rcpt }, { common })).run("rcpt", session, "policy");
      return [session.recipient?.raw, session.whitelisted, session.policyOff, session.has("SEEN")];
    };
    expect(changed({ mode: "enforce" })).toEqual(["other@kontor.example", true, true, true]);
    expect(changed({ mode: "observe" })).toEqual(["user@kontor.example", false, false, true]);
  });

  it("let a second note-taker see a recipient that a first one would refuse, and count nothing", () => {
    const seen: string[] = [];
    const first = madeUp("first", { rcpt: () => refused }, { stage: "note" });
    const second = madeUp("second", { rcpt: () => (seen.push("second"), refused) }, { stage: "note" });
    const outcome = make(first, second).run("rcpt", makeSession(), "note");
    expect([outcome, seen]).toMatchObject([{ verdict: { kind: "pass" } }, ["second"]]);
  });

  it("keep a finding where a later check of the hook only observes, waits or scores", () => {
    const finds = madeUp("finds", { rcpt: () => ({ kind: "pass", finding: "unknown" }) }, { stage: "recipient" });
    for (const mode of ["observe", "score"] as const) {
      const other = madeUp("other", { rcpt: () => refused }, { stage: "recipient", common: { mode } });
      expect(make(finds, other).run("rcpt", makeSession(), "recipient")).toMatchObject({ finding: "unknown" });
    }
  });

  it("take `special recipient` of a message as a word about all its recipients", () => {
    const pipeline = make(madeUp("one", { data: () => refused }, { common: { unless: ["special recipient"] } }));
    const verdictFor = (...addresses: string[]): string => {
      const session = makeSession();
      const { accepted } = session.begin(undefined);
      for (const address of addresses) {
        session.recipient = mailbox(address);
        accepted.push({ mailbox: mailbox(address) });
      }
      return (pipeline.run("data", session, "policy") as Outcome).verdict.kind;
    };
    expect(verdictFor("Postmaster@kontor.example")).toBe("pass");
    expect(verdictFor("user@kontor.example", "postmaster@kontor.example")).toBe("refuse");
    expect(verdictFor()).toBe("refuse");
  });

  it("forget at a new greeting, and under a new TLS layer, what was held against the former one", () => {
    const scored = madeUp("scored", { helo: () => refused }, { common: { mode: "score", points: 2 } });
    const waits = madeUp("waits", { helo: () => refused }, { common: { mode: "later" } });
    const pipeline = make(scored, waits);
    const session = makeSession();
    const greeted = session.known();
    void pipeline.run("helo", session, "policy");
    void pipeline.run("helo", session, "policy");
    expect([session.points, session.pending.length]).toEqual([2, 1]);
    session.apply({ kind: "whitelist", owner: "session" });
    session.restore(greeted);
    expect([session.points, session.pending.length, session.whitelisted]).toEqual([0, 0, false]);
    void pipeline.run("helo", session, "policy");
    session.forgetGreeting();
    expect([session.points, session.pending.length]).toEqual([0, 0]);
  });

  it("take a drop in mode score as points", () => {
    const pipeline = make(madeUp("one", { mail: () => ({ kind: "drop" }) }, { common: { mode: "score", points: 5 } }));
    const session = makeSession();
    session.begin(undefined);
    expect(pipeline.run("mail", session, "policy")).toMatchObject({ verdict: { kind: "pass" } });
    expect(session.points).toBe(5);
    session.reset(true);
    expect(session.points).toBe(0);
  });
});
