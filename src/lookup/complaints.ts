/** What the log hears of connections that are closed, and of questions that have no answer: not every time. */
import type { Counters, LookupFault } from "../report/counters.ts";
import type { Log } from "../report/log.ts";

/** Counts, and logs the first of each kind and then one a minute. */
export type Complain = (why: LookupFault, fields?: Readonly<Record<string, string>>) => void;

/** How often a complaint of one kind is logged, in ms. */
const complainEvery = 60_000;

/** The complaints of one lookup. */
export function complainer(name: string, log: Log, counters: Counters): Complain {
  const said = new Map<string, number>();
  return (why, fields = {}) => {
    counters.add("lookup_faults", { why });
    const now = performance.now();
    if (now - (said.get(why) ?? Number.NEGATIVE_INFINITY) >= complainEvery) {
      said.set(why, now);
      log.warning("lookup", why, { lookup: name, ...fields });
    }
  };
}
