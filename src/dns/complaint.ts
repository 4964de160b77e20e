/** Logs questions without an answer, once a minute at most: a name server that is down fails for every client. */
import type { Log } from "../report/log.ts";
import type { Question } from "./message.ts";

/** Least time between two lines, in ms. */
const pause = 60_000;

/** A log of unanswered queries, at most one line per minute. */
export function createComplaint(log: Log, now: () => number): (question: Question, why: string) => void {
  let logged = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  return ({ type, name }, why) => {
    const time = now();
    if (time >= logged && time - logged < pause) {
      suppressed++;
      return;
    }
    log.warning("dns", "no answer", { type, name, why, suppressed });
    logged = time;
    suppressed = 0;
  };
}
