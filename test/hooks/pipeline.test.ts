/** Who is asked, in which order, when it ends, and what becomes of an error. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { CheckRun, Stage } from "../../src/hooks/check.ts";
import type { HookName } from "../../src/hooks/hook-names.ts";
import { wordsOf } from "../../src/hooks/outcome.ts";
import type { Outcome } from "../../src/hooks/outcome.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import type { Step } from "../../src/hooks/step.ts";
import { acceptSession, drop, found, next, ok, pass, refuse as refuseWith } from "../../src/hooks/verdict.ts";
import type { Answer, Verdict } from "../../src/hooks/verdict.ts";
import { Session } from "../../src/hooks/session.ts";
import { reply } from "../../src/mail/reply.ts";
import { createLog } from "../../src/log/log.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { madeUp } from "./steps.ts";

const refuse = refuseWith("no", reply(550, "5.7.1", "No"));
const peer = { ip: "192.0.2.1", port: 1, host: "" };
const newSession = (): Session => new Session("id", peer, peer, "smtp", new Map(), () => undefined);

/** What a check does when it is asked. */
type Act = Verdict | "throws" | "rejects";

interface Plan {
  readonly act: Act;
  readonly later: boolean;
  readonly stage: Stage;
  readonly mode: "enforce" | "observe";
}

function scene(plans: readonly Plan[], hook: HookName = "rcpt") {
  const asked: string[] = [];
  const lines: string[] = [];
  const metrics = createMetrics();
  const log = createLog({ format: "plain", level: "info", write: (line) => lines.push(line) });
  const answer = ({ act, later }: Plan): Answer => {
    if (act === "throws") {
      throw new Error("broken check");
    }
    if (act === "rejects") {
      return Promise.reject(new Error("broken check"));
    }
    return later ? Promise.resolve(act) : act;
  };
  const steps: Step[] = plans.map((plan, i) => {
    const ask = (): Answer => {
      asked.push(String(i));
      return answer(plan);
    };
    const run: CheckRun = { [hook]: ask };
    return madeUp(String(i), run, { stage: plan.stage, common: { mode: plan.mode } });
  });
  return { asked, lines, metrics, pipeline: new Pipeline(steps, log, metrics) };
}

const plan = (act: Act, more: Partial<Plan> = {}): Plan => ({
  act,
  later: false,
  stage: "policy",
  mode: "enforce",
  ...more,
});

describe("Pipeline", () => {
  it("asks the checks of one stage in order until one decides", () => {
    const { pipeline, asked } = scene([
      plan(pass),
      plan(pass, { stage: "note" }),
      plan(next),
      plan(refuse),
      plan(refuse, { stage: "recipient" }),
    ]);
    expect(pipeline.run("rcpt", newSession(), "policy")).toMatchObject({ verdict: next, step: { label: "2" } });
    expect(asked).toEqual(["0", "2"]);
    expect(pipeline.run("rcpt", newSession(), "recipient")).toMatchObject({ step: { label: "4" } });
    expect(pipeline.run("mail", newSession(), "policy")).toMatchObject({ verdict: pass, step: undefined });
  });

  it("asks checks of stage last behind all others at RCPT and MAIL, and elsewhere in their place", () => {
    for (const hook of ["rcpt", "mail"] as const) {
      const { pipeline, asked } = scene([plan(pass, { stage: "last" }), plan(pass)], hook);
      void pipeline.run(hook, newSession(), "policy");
      expect(asked).toEqual(["1"]);
      void pipeline.run(hook, newSession(), "last");
      expect(asked).toEqual(["1", "0"]);
    }
    const { pipeline, asked } = scene([plan(pass), plan(pass, { stage: "last" }), plan(pass)], "data");
    void pipeline.run("data", newSession(), "policy");
    expect(asked).toEqual(["0", "1", "2"]);
    const off = newSession();
    off.checksOff = true;
    void pipeline.run("data", off, "policy");
    expect(asked).toHaveLength(3);
  });

  it("turns a fault into pass, asks the next one, and counts and logs it", async () => {
    for (const act of ["throws", "rejects"] as const) {
      const { pipeline, metrics, lines } = scene([plan(act), plan(refuse)]);
      expect(await pipeline.run("rcpt", newSession(), "policy")).toMatchObject({
        verdict: refuse,
        step: { label: "1" },
      });
      expect(metrics.totals()).toMatchObject({
        'check_faults{check="0"}': 1,
        'refusals{reason="no",check="1"}': 1,
      });
      expect(lines.join("\n")).toContain("internal error, check skipped");
      expect(lines.join("\n")).toContain("broken check");
    }
  });

  it("logs what an observed check would have done, and goes on", () => {
    const { pipeline, asked, lines } = scene([
      plan(refuse, { mode: "observe" }),
      plan(drop, { mode: "observe" }),
      plan(pass),
    ]);
    const outcome = pipeline.run("rcpt", newSession(), "policy") as Outcome;
    expect(outcome).toMatchObject({ verdict: pass, step: { label: "1" }, observed: drop });
    expect(wordsOf(outcome)).toBe("drop (observe)");
    expect(asked).toEqual(["0", "1", "2"]);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain("observed verdict=refuse");
  });

  it("after accept-session asks note-takers only; an observed one changes nothing", () => {
    const { pipeline, asked } = scene([plan(acceptSession), plan(refuse), plan(pass, { stage: "note" })]);
    const session = newSession();
    void pipeline.run("rcpt", session, "policy");
    expect(session.checksOff).toBe(true);
    expect(pipeline.run("rcpt", session, "policy")).toMatchObject({ verdict: pass });
    void pipeline.run("rcpt", session, "note");
    expect(asked).toEqual(["0", "2"]);
    const observed = scene([plan(acceptSession, { mode: "observe" })]);
    const other = newSession();
    void observed.pipeline.run("rcpt", other, "policy");
    expect(other.checksOff).toBe(false);
  });

  it("keeps the last finding of those that passed", () => {
    const { pipeline } = scene([plan(found("one")), plan(found("two")), plan(pass)]);
    const outcome = pipeline.run("rcpt", newSession(), "policy") as Outcome;
    expect(outcome).toMatchObject({ step: { label: "1" }, finding: "two" });
    expect(wordsOf(outcome)).toBe("second finding");
  });

  it("asks the checks of the message hook as the message says", () => {
    const { pipeline, asked } = scene([plan(refuse)], "message");
    expect(
      pipeline.run("message", newSession(), "policy", ({ run }) => run.message?.(newSession(), {} as never) ?? pass),
    ).toMatchObject({
      verdict: refuse,
    });
    expect(asked).toEqual(["0"]);
  });

  it("comes to the same whether checks answer at once or later, and stays synchronous where all do", async () => {
    const acts = fc.constantFrom<Act>(pass, pass, pass, next, ok, acceptSession, refuse, drop, "throws");
    const plans = fc.array(
      fc.record({
        act: acts,
        later: fc.boolean(),
        stage: fc.constantFrom<Stage>("note", "policy", "recipient"),
        mode: fc.constantFrom<Plan["mode"]>("enforce", "enforce", "observe"),
      }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(plans, fc.constantFrom<Stage>("note", "policy", "recipient"), async (list, stage) => {
        const mixed = scene(list);
        const atOnce = scene(list.map((one) => ({ ...one, later: false })));
        const whole = atOnce.pipeline.run("rcpt", newSession(), stage);
        expect(whole).not.toBeInstanceOf(Promise);
        const parts = ({ verdict, finding, step }: Outcome) => ({ verdict, finding, label: step?.label });
        expect(parts(await mixed.pipeline.run("rcpt", newSession(), stage))).toEqual(parts(whole as Outcome));
        expect(mixed.asked).toEqual(atOnce.asked);
        expect(mixed.lines.length).toBe(atOnce.lines.length);
        // The reference: the first that decides, of the enforced ones of this stage. Note-takers decide nothing at RCPT.
        const decides = list.findIndex(
          (one) =>
            stage !== "note" &&
            one.stage === stage &&
            one.mode === "enforce" &&
            typeof one.act === "object" &&
            one.act.kind !== "pass",
        );
        const { verdict } = whole as Outcome;
        expect(verdict).toMatchObject(decides < 0 ? pass : (list[decides]?.act as object));
        const due = list.flatMap((one, i) => (one.stage === stage && (decides < 0 || i <= decides) ? [String(i)] : []));
        expect(mixed.asked).toEqual(due);
      }),
      { numRuns: 500 },
    );
  });
});
