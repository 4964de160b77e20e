/** One process of several that relay, as its supervisor sees it: its state, and the reports that it gives. */
import type { ChildProcess } from "node:child_process";

import type { Gauge, Totals } from "./metrics.ts";

/** A worker that does not answer sooner misses, in ms. */
const answerTimeout = 2000;

/** What a worker answers to "totals". */
export interface Report {
  readonly totals: Totals;
  readonly gauges: readonly Gauge[];
  readonly notReady: string | undefined;
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

/** Its report. @throws Error if it does not answer in time */
export function ask(worker: Worker): Promise<Report> {
  const { child } = worker;
  return new Promise((resolve, reject) => {
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      child.off("message", take);
      end();
    };
    const timer = setTimeout(() => settle(() => reject(new Error("Worker does not answer"))), answerTimeout);
    const take = (message: unknown): void => {
      if (isReport(message)) {
        worker.totals = message.totals;
        settle(() => resolve(message));
      }
    };
    child.on("message", take);
    child.send("totals", (error) => (error === null ? undefined : settle(() => reject(error))));
  });
}

/** A worker says two things: this, and that it is ready. */
function isReport(message: unknown): message is Report {
  return typeof message === "object" && message !== null && "totals" in message;
}
