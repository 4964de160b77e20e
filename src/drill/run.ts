/** Runs a drill: a list is made, and then each case has a sandbox of its own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { notesOf, readRawNotes } from "../files/sync-notes.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Totals } from "../ops/metrics.ts";
import { ask } from "./ask.ts";
import type { Answer, Question } from "./ask.ts";
import type { Case } from "./cases.ts";
import { Child } from "./child.ts";
import type { Ended } from "./child.ts";
import { judge } from "./outcome.ts";
import type { Outcome, SyncEnd } from "./outcome.ts";
import { alertText, firedRules, pageAlerts, parseLine, readMetrics, urgentLines } from "./paged.ts";
import type { LogLine, Paged, StatusJson } from "./paged.ts";
import { Sandbox } from "./sandbox.ts";
import type { Site } from "./sandbox.ts";

/** ms that one program may take. */
const patience = 60_000;
/** A running relay looks at its list every second. */
const listDelay = 2200;
/** Cases at the same time: each waits more than it works. */
const abreast = 2;

/** Nobody's: RFC 2606. */
const foreignDomain = "elsewhere.example";

/** A drill that could not be held: the sandbox has no list even though nothing is broken. */
export class DrillFault extends Error {
  override readonly name = "DrillFault";
}

/** What a drill came to. */
export interface Drill {
  readonly outcomes: readonly Outcome[];
  /** How the sandbox differs from the site. */
  readonly notes: readonly string[];
}

/**
 * Tries all cases.
 * @param folder everything is in here
 * @throws DrillFault
 */
export async function runDrill(
  site: Site,
  cases: readonly Case[],
  folder: string,
  done: (outcome: Outcome) => void,
): Promise<Drill> {
  const base = await Sandbox.open({ site, folder: join(folder, "base") });
  const foreign = await Sandbox.open({ site, folder: join(folder, "foreign"), foreign: true });
  try {
    await Promise.all([base, foreign].map((sandbox) => firstSync(sandbox)));
    const outcomes = new Map<string, Outcome>();
    const waiting = [...cases];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const outcome = await tryCase(site, next, join(folder, next.name), base, foreign);
        outcomes.set(next.name, outcome);
        done(outcome);
      }
    };
    await Promise.all(Array.from({ length: abreast }, work));
    return { outcomes: cases.flatMap(({ name }) => outcomes.get(name) ?? []), notes: base.derived.notes };
  } finally {
    await Promise.all([base.close(), foreign.close()]);
  }
}

async function firstSync(sandbox: Sandbox, ahead = 0): Promise<void> {
  const { code, stdout, stderr } = await sync(sandbox, ahead);
  if (code !== 0 || !existsSync(sandbox.snapshot)) {
    const urgent = urgentLines("sync", stderr).map(({ text }) => text);
    throw new DrillFault(
      `the sandbox has no list although nothing is broken: sync ended with ${code}: ${[...urgent, stdout.trim() || stderr.trim()].join("; ")}`,
    );
  }
}

function sync({ config }: Sandbox, ahead: number): Promise<Ended> {
  return new Child(["sync", "--config", config], ahead).end(patience);
}

async function tryCase(site: Site, plan: Case, folder: string, base: Sandbox, foreign: Sandbox): Promise<Outcome> {
  const { name, title, group } = plan;
  const { settings } = site.placed;
  const skipped = plan.skip?.(settings);
  if (skipped !== undefined) {
    return { name, title, group, skipped, answers: [], promises: [], time: 0 };
  }
  const start = performance.now();
  const sandbox = await Sandbox.open({ site, folder, base, wrongName: plan.wrongName ?? false });
  try {
    if (plan.listAge !== undefined) {
      await remakeList(sandbox, -plan.listAge(settings));
    }
    const seen = await breakAndLook(site, plan, sandbox, foreign);
    const time = Math.round(performance.now() - start);
    return { name, title, group, ...seen, time };
  } catch (error) {
    const time = Math.round(performance.now() - start);
    const promises = [{ promise: "the relay runs", held: false, why: errorMessage(error) } as const];
    return { name, title, group, answers: [], promises, advice: plan.advice, time };
  } finally {
    await sandbox.close();
  }
}

/** The list of another day. The one that is here is in the way: it would be newer. */
async function remakeList(sandbox: Sandbox, ahead: number): Promise<void> {
  sandbox.forgetList();
  await firstSync(sandbox, ahead);
}

type Seen = Pick<Outcome, "sync" | "status" | "answers" | "paged" | "metrics" | "promises" | "advice" | "unprotected">;

async function breakAndLook(site: Site, plan: Case, sandbox: Sandbox, foreign: Sandbox): Promise<Seen> {
  const ahead = plan.ahead ?? 0;
  const startsBroken = plan.startsBroken === true;
  const harm = async (): Promise<void> => plan.harm?.(sandbox, foreign);
  if (startsBroken) {
    await harm();
  }
  const relay = new Child(["serve", "--config", sandbox.config], ahead);
  try {
    const port = await portOf(relay);
    const before = startsBroken ? {} : await readMetrics(sandbox.metricsPort);
    const usual = new Set(startsBroken ? [] : urgentLines("relay", relay.stderr).map(({ text }) => text));
    if (!startsBroken) {
      await harm();
    }
    // With a wrong clock the list from before counts first.
    const early = plan.ahead === undefined ? undefined : await askAll(port, sandbox);
    const seen =
      early && (await look(site, plan, sandbox, { relay, before, usual, synced: undefined, answers: early }));
    const synced = plan.syncs === true ? await syncs(sandbox, ahead) : undefined;
    if (plan.changesList === true || synced?.code === 0) {
      await delay(listDelay);
    }
    const late = await askAll(port, sandbox);
    const answers = early === undefined ? late : [...early, ...late.map((one) => ({ ...one, again: true as const }))];
    const last = await look(site, plan, sandbox, { relay, before, usual, synced, answers });
    const metrics = [before, ...(seen?.metrics ?? []), ...(last.metrics ?? [])];
    return { ...last, metrics, paged: bothPaged(seen?.paged, last.paged) };
  } finally {
    await relay.stop();
  }
}

/** What is known until now. */
interface Broken {
  readonly relay: Child;
  readonly before: Totals;
  readonly usual: ReadonlySet<string>;
  readonly synced: (SyncEnd & { readonly log: readonly LogLine[] }) | undefined;
  readonly answers: readonly Answer[];
}

/** Looks who would have been paged, and judges. The relay still runs. */
async function look({ placed }: Site, plan: Case, sandbox: Sandbox, broken: Broken): Promise<Seen> {
  const { relay, before, usual, synced, answers } = broken;
  const ahead = plan.ahead ?? 0;
  const totals = await readMetrics(sandbox.metricsPort);
  const status = await new Child(["status", "--json", "--config", sandbox.config], ahead).end(patience);
  const report = statusOf(status);
  const taken = sandbox.received.map(({ subject }) => subject);
  return {
    sync: synced === undefined ? undefined : { runs: synced.runs, code: synced.code, text: synced.text },
    status: { code: status.code, text: statusText(report, status) },
    answers,
    paged: {
      rules: firedRules(before, totals, Date.now()),
      page: pageAlerts(report, totals, sandbox.derived.afterFailures, Date.now() + ahead),
      alert: alertText(placed.settings, sandbox.folder),
      log: [...(synced?.log ?? []), ...urgentLines("relay", relay.stderr, usual)],
    },
    metrics: [totals],
    promises: judge(answers, taken, plan.hopRefuses === true),
    advice: plan.advice,
    unprotected: plan.unprotected?.(placed.settings),
  };
}

function statusText(report: StatusJson | undefined, { stderr }: Ended): string {
  return report === undefined
    ? (stderr.split("\n")[0] ?? "")
    : `${report.status}${report.sync.told ? ", an alert was sent" : ""}`;
}

/** Who was paged before a sync was paged. */
function bothPaged(early: Paged | undefined, late: Paged | undefined): Paged | undefined {
  const named = <One extends { readonly [key in Key]: string }, Key extends string>(
    all: readonly One[],
    key: Key,
  ): One[] => [...new Map(all.map((one) => [one[key], one])).values()];
  return early === undefined || late === undefined
    ? late
    : {
        ...late,
        rules: named([...early.rules, ...late.rules], "name"),
        page: named([...early.page, ...late.page], "what"),
      };
}

/** The port that it listens on. @throws DrillFault if it does not start */
async function portOf(relay: Child): Promise<number> {
  for (const end = Date.now() + patience; Date.now() < end && !relay.over; await delay(20)) {
    const ready = relay.stderr
      .split("\n")
      .map(parseLine)
      .find(({ part, event }) => part === "relay" && event === "ready");
    const listen = ready?.["listen"];
    const port = typeof listen === "string" ? /:(\d+)/.exec(listen)?.[1] : undefined;
    if (port !== undefined) {
      return Number(port);
    }
  }
  throw new DrillFault(`the relay of the sandbox does not start: ${relay.stderr.slice(-500)}`);
}

async function syncs(sandbox: Sandbox, ahead: number): Promise<SyncEnd & { log: LogLine[] }> {
  let last: Ended = { code: 0, stdout: "", stderr: "" };
  let runs = 0;
  // One that lacks a source ends with 0, and counts as a failure all the same.
  const failures = (): number => notesOf(readRawNotes(sandbox.snapshot)).failures;
  while (runs === 0 || (runs < sandbox.derived.afterFailures && (last.code !== 0 || failures() > 0))) {
    last = await sync(sandbox, ahead);
    runs += 1;
  }
  const text = last.stdout.trim().split("\n").at(-1) ?? "";
  return { runs, code: last.code, text, log: urgentLines("sync", last.stderr) };
}

/** Each with a connection of its own, all at once. */
function askAll(port: number, { known }: Sandbox): Promise<Answer[]> {
  const own = known[0]?.split("@")[1] ?? "";
  const questions: Question[] = [
    ...known.map((recipient): Question => ({ who: "known", recipient })),
    { who: "unknown", recipient: `nobody-of-the-drill@${own}` },
    { who: "foreign", recipient: `someone@${foreignDomain}` },
    { who: "route", recipient: `someone%${foreignDomain}@${own}` },
  ];
  return Promise.all(questions.map((question) => ask(port, question)));
}

function statusOf({ stdout }: Ended): StatusJson | undefined {
  try {
    // As the verb of this very version prints it.
    return JSON.parse(stdout) as StatusJson;
  } catch {
    return undefined;
  }
}
