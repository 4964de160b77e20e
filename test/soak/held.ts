/** What a process and all below it hold and use, as Linux tells it. */
import { readdirSync, readFileSync } from "node:fs";

/** What the processes of the relay hold together at a moment. */
export interface Held {
  readonly seconds: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  readonly processes: number;
  /** Processor time since they started, and of those among them that have ended. */
  readonly cpuSeconds: number;
}

/** Of `/proc/PID/stat`: USER_HZ, which is 100 on every Linux that Node runs on. */
const ticks = 100;

/** Fields of `/proc/PID/stat` behind the name: 0 is the state, 1 the parent. Undefined: it has just ended. */
function statOf(pid: number): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ");
  } catch {
    return undefined;
  }
}

/** The process and all below it. */
function treeOf(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(statOf(Number(name))?.[1])] as const);
  const found = [pid];
  for (const one of found) {
    found.push(...parents.filter(([, parent]) => parent === one).map(([child]) => child));
  }
  return found;
}

/** @param since of `performance.now()`, in ms */
export function heldBy(pid: number, since: number): Held {
  const all = treeOf(pid).flatMap((one) => {
    try {
      const status = readFileSync(`/proc/${one}/status`, "utf8");
      const resident = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
      // utime, stime, cutime, cstime
      const cpu = (statOf(one) ?? []).slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticks;
      return [{ resident, descriptors: readdirSync(`/proc/${one}/fd`).length, cpu }];
    } catch {
      // It has just ended.
      return [];
    }
  });
  const sum = (value: (one: (typeof all)[number]) => number): number => all.reduce((so, one) => so + value(one), 0);
  return {
    seconds: (performance.now() - since) / 1000,
    residentBytes: sum(({ resident }) => resident),
    descriptors: sum(({ descriptors }) => descriptors),
    processes: all.length,
    cpuSeconds: sum(({ cpu }) => cpu),
  };
}
