/** Of `npm run soak -- everything [seconds] [messages a second]`: prints the figures of the soak at half load; exits 1 where something is lost or grows. */
import { cpus, loadavg } from "node:os";

import { figure, median } from "../bench/table.ts";
import { soakEverything } from "./everything.ts";
import type { EverythingReport } from "./everything.ts";
import type { Held } from "./held.ts";

/** Until then caches and heaps fill: a share of the time. */
const settled = 1 / 3;
/** Of the memory, over the rest of the time. */
const mayGrow = 0.1;
/** Of pages: 503 says that a worker did not answer in time, on a machine that others keep busy. */
const mostlyAnswered = 0.99;
/** s behind the first third; heaps take some minutes to their size. */
const longEnough = 500;
/** A journal's file, a connection to the next hop that has just been opened. */
const mayOpen = 6;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** Bytes a second, by least squares. */
export function slopeOf(samples: readonly Pick<Held, "seconds" | "residentBytes">[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map(({ seconds }) => seconds)), mean(samples.map(({ residentBytes }) => residentBytes))];
  const over = samples.reduce((sum, { seconds, residentBytes }) => sum + (seconds - x) * (residentBytes - y), 0);
  return over / samples.reduce((sum, { seconds }) => sum + (seconds - x) ** 2, 0);
}

/** Runs it. @returns the exit code */
export async function runEverything(seconds: number, rate: number | undefined): Promise<number> {
  const load = (): string => `load average ${loadavg().map(figure).join(", ")}`;
  print(
    `soak of ${seconds} s with everything on; ${cpus().length} cores, ${load()}\n seconds  resident  descriptors  CPU s`,
  );
  let samples = 0;
  const report = await soakEverything(
    seconds,
    rate,
    (rounds) => {
      const told = rounds.map((one) => `${one.rate.toFixed(1)} (${one.busy.toFixed(2)} cores)`).join(", ");
      print(`can be delivered, messages a second in each round, and the cores that the relay used: ${told}; ${load()}`);
    },
    ({ seconds: at, residentBytes, descriptors, cpuSeconds }) => {
      if (samples++ % 6 === 5) {
        const held = `${megabytes(residentBytes)}  ${descriptors}  ${cpuSeconds.toFixed(1)}`;
        print(`${at.toFixed(0).padStart(8)}  ${held}  (${load()})`);
      }
    },
  );
  const faults = judge(report);
  print(faults.length === 0 ? "all is well" : `NOT WELL: ${faults.join(", ")}`);
  return faults.length === 0 ? 0 : 1;
}

function judge({ rate, busy, sent, asked, arrived, samples, last, lists, pages, counts }: EverythingReport): string[] {
  const late = samples.filter(({ seconds }) => seconds >= (samples.at(-1)?.seconds ?? 0) * settled);
  const time = (late.at(-1)?.seconds ?? 0) - (late[0]?.seconds ?? 0);
  const [slope, middle] = [slopeOf(late), median(late.map(({ residentBytes }) => residentBytes))];
  const half = Math.floor(late.length / 2);
  const descriptors = [late.slice(0, half), late.slice(half)].map((part) => median(part.map((one) => one.descriptors)));
  const [early = 0, later = 0] = descriptors;
  const count = (name: string): number => counts.get(name) ?? 0;
  const answered = sent.codes?.["dot_250"] ?? 0;
  const [known, unknown] = [asked.codes?.["rcpt_known_250"] ?? 0, asked.codes?.["rcpt_unknown_550"] ?? 0];
  const all = [...pages.values()].reduce((sum, times) => sum + times, 0);
  const faultsOf = ({ violations, drops, timeouts }: typeof sent): number => violations + drops + timeouts;
  const peak = Math.max(...late.map(({ residentBytes }) => residentBytes));
  print(
    `messages: ${answered} answered 250 at ${sent.ops_per_s.toFixed(1)} a second, of ${rate} wanted, by ${busy.toFixed(2)} cores; ${arrived.messages} arrived, ${arrived.duplicate} twice, ${arrived.corrupt} changed`,
  );
  print(
    `recipients asked for besides: ${known} accepted, ${unknown} refused; unexpected replies: ${faultsOf(sent)} and ${faultsOf(asked)}`,
  );
  print(`the relay counted ${count("messages_total")} messages, ${count("recipients_total")} recipients`);
  print(
    `lists: ${lists.made} made, ${lists.used} used within 8 s; pages: ${[...pages].map(([code, times]) => `${code} ${times} times`).join(", ")}`,
  );
  print(
    `resident after the first third: ${megabytes(middle)} (median), ${megabytes(peak)} at most; slope ${((slope * 3600) / 1e6).toFixed(1)} MB an hour, ${megabytes(slope * time)} in ${time.toFixed(0)} s`,
  );
  print(
    `descriptors: ${early} and ${later} (medians of two halves), ${last.descriptors} after the load; processes: ${last.processes}`,
  );
  const checks: readonly (readonly [boolean, string])[] = [
    [answered === 0, "nothing was accepted"],
    [arrived.unique < answered, "messages were lost"],
    [arrived.messages > answered || arrived.duplicate > 0, "messages came twice"],
    [count("messages_total") !== answered, "the relay counted otherwise"],
    [arrived.corrupt > 0, "messages were changed"],
    [faultsOf(sent) + faultsOf(asked) > 0, "clients got unexpected replies"],
    [lists.used < lists.made, "a list was not used"],
    [(pages.get(200) ?? 0) < all * mostlyAnswered, "pages were not answered"],
    [time > longEnough && slope * time > middle * mayGrow, "memory grows"],
    [later > early + mayOpen || last.descriptors > early + mayOpen, "descriptors grow"],
    [
      count("worker_restarts_total") + count("session_faults_total") + count("check_faults_total") > 0,
      "internal errors",
    ],
    [count("trace_lost_total") > 0, "the journal lost events"],
  ];
  return checks.flatMap(([isBad, what]) => (isBad ? [what] : []));
}
