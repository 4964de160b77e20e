/** One process of several that relay, as its supervisor sees it: its state, and the reports that it gives. */
import type { ChildProcess } from "node:child_process";

import type { Gauge, Totals } from "./metrics.ts";

/** A worker that does not answer sooner misses, in ms. */
const answerTimeout = 2000;

/** What a worker answers. */
export interface Report {
  readonly totals: Totals;
  readonly gauges: readonly Gauge[];
  readonly notReady: string | undefined;
}

/** What a supervisor asks: `totals` is answered without gauges, which take longer. */
export interface Question {
  readonly ask: "totals" | "report";
  /** Comes back with the answer. */
  readonly number: number;
}

/** Whether a message is such a question. */
export function isQuestion(message: unknown): message is Question {
  return typeof message === "object" && message !== null && "ask" in message && "number" in message;
}

/** One worker, as its supervisor sees it. */
export interface Worker {
  readonly child: ChildProcess;
  readonly startedAt: number;
  readonly quickDeaths: number;
  /** What it had counted when it was asked last. */
  totals: Totals;
  ready: boolean;
  /** Must reload as soon as it is ready. */
  reload: boolean;
  /** Answers that it owes. */
  missed: number;
}

/** Questions so far. */
let asked = 0;

/** Its report. @throws Error if it does not answer in time */
export function ask(worker: Worker, what: Question["ask"]): Promise<Report> {
  const { child } = worker;
  const question: Question = { ask: what, number: ++asked };
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      child.off("message", take);
      end();
    };
    const timer = setTimeout(() => settle(() => reject(new Error("Worker does not answer"))), answerTimeout);
    const take = (message: unknown): void => {
      if (isReport(message) && message.number === question.number) {
        worker.totals = message.totals;
        settle(() => resolve(message));
      }
    };
    child.on("message", take);
    child.send(question, (error) => (error === null ? undefined : settle(() => reject(error))));
  });
}

/** A worker says two things: this, and that it is ready. */
function isReport(message: unknown): message is Report & Pick<Question, "number"> {
  return typeof message === "object" && message !== null && "totals" in message;
}
