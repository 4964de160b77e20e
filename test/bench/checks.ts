/** What a check that passes costs at RCPT, and what a hook costs that nobody uses. In this process; no sockets. */
import { defineCheck } from "../../src/hooks/check.ts";
import { Pipeline } from "../../src/hooks/pipeline.ts";
import { Session } from "../../src/hooks/session.ts";
import { createStep } from "../../src/hooks/step.ts";
import type { Step } from "../../src/hooks/step.ts";
import { pass } from "../../src/hooks/verdict.ts";
import { noCounters } from "../../src/report/counters.ts";
import { silentLog } from "../../src/report/log.ts";
import { figure, median, table } from "./table.ts";

const calls = 200_000;
const rounds = 5;

function passing(name: string): Step {
  const run = { rcpt: () => pass };
  const check = defineCheck({
    name,
    doc: "",
    stage: "policy",
    hooks: ["rcpt"],
    settings: {},
    reasons: {},
    create: () => run,
  });
  return createStep(check, name, run, {
    mode: "enforce",
    unless: ["relay client", "authenticated", "whitelisted"],
    points: 1,
  });
}

/** Microseconds of one run of a hook. */
function timed(pipeline: Pipeline, hook: "rcpt" | "mail", session: Session): number {
  const started = performance.now();
  for (let i = 0; i < calls; i++) {
    void pipeline.run(hook, session, "policy");
  }
  return ((performance.now() - started) * 1000) / calls;
}

/** The table, medians of five after a round that compiles the code. */
export function measureChecks(): string {
  const peer = { ip: "192.0.2.1", port: 1, host: "" };
  const session = new Session("bench", peer, peer, "smtp", new Map(), () => undefined);
  session.begin(undefined);
  const numbers = [0, 1, 10, 50];
  const rows = numbers.map((count) => {
    const steps = Array.from({ length: count }, (_, i) => passing(`check${i}`));
    const pipeline = new Pipeline(steps, silentLog, noCounters);
    timed(pipeline, "rcpt", session);
    const [rcpt, unused] = (["rcpt", "mail"] as const).map((hook) =>
      median(Array.from({ length: rounds }, () => timed(pipeline, hook, session))),
    );
    const each = count === 0 ? Number.NaN : (rcpt ?? Number.NaN) / count;
    return [String(count), figure(rcpt), figure(each), figure(unused)];
  });
  return table([["checks at RCPT", "µs for all", "µs for each", "µs of the unused hook MAIL"], ...rows]);
}
