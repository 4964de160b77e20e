/**
 * `npm run soak [-- seconds]`: ten minutes by default. Prints the figures; exits 1 where something is lost or grows.
 * `npm run soak -- everything [seconds [rate]]`: half an hour with everything on at half load, or at so many messages a
 * second. `npm run soak -- drill`: all cases of `goodmailto drill`. `npm run soak -- sessions [number [checkout]]`: what
 * remains of 20,000 sessions, or so many, in memory.
 */
import { missing } from "../fakes/need.ts";
import { isRoot } from "../fakes/postfix.ts";
import { runDrills } from "./drill.ts";
import { runEverything } from "./judge.ts";
import { residentPeak, soak } from "./soak.ts";
import { runSurvivors } from "./survivors.ts";

if (process.argv[2] === "everything") {
  const [time = "1800", rate] = process.argv.slice(3);
  process.exit(await runEverything(Number(time), rate === undefined ? undefined : Number(rate)));
}
if (process.argv[2] === "drill") {
  process.exit(await runDrills());
}
if (process.argv[2] === "sessions") {
  const [sessions = "20000", checkout] = process.argv.slice(3);
  process.exit(await runSurvivors(Number(sessions), checkout));
}
const seconds = Number(process.argv[2] ?? 600);
/** What a full collection leaves may grow so much: by tables that are bounded, and are not full after a third of the time. */
const slack = 1.1;
/** What the collector has not looked at yet comes and goes. */
const looseSlack = 1.3;
/** The first minutes fill caches and heaps: peaks are compared from here on, before and after. */
const settled = 0.2;
const halfway = 0.6;
/** Under full load the heap takes some four minutes to its size. */
const longEnough = 400;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

if (missing("postfix") || !isRoot()) {
  print("Needs Postfix, and to be root.");
  process.exit(1);
}
print(`soak of ${seconds} s\n seconds  resident  descriptors`);
const report = await soak(seconds, ({ seconds: at, residentBytes, descriptors }) => {
  print(`${at.toFixed(0).padStart(8)}  ${megabytes(residentBytes)}  ${descriptors}`);
});
const [early, late] = [residentPeak(report.samples, settled, halfway), residentPeak(report.samples, halfway, 1)];
print(
  `answered 250: ${report.accepted}; in Postfix's queue: ${report.queued}; lost: ${report.lost.length}; twice: ${report.twice.length}`,
);
print(`of hostile clients: ${report.smuggled.length}; cut after the final dot and queued: ${report.cut}`);
print(`other answers to good clients: ${report.others.length} ${report.others.slice(0, 5).join(" | ")}`);
print(`hostile visits: ${JSON.stringify(report.visits)}`);
print(
  `most resident: ${megabytes(early)} until 60 % of the time, ${megabytes(late)} behind it (${(late / early).toFixed(3)}×)`,
);
print(
  `live after a full collection: ${megabytes(report.liveEarly)} a third of the way, ${megabytes(report.liveLate)} at the end`,
);
print(
  `descriptors: ${report.descriptorsBefore} before, ${report.descriptorsAfter} after; session faults: ${report.faults}; exit code ${report.exit}`,
);
const faults = [
  report.accepted === 0 ? "nothing was accepted" : "",
  report.queued !== report.accepted || report.lost.length > 0 ? "counts differ" : "",
  report.twice.length > 0 ? "messages came twice" : "",
  report.smuggled.length > 0 ? "hostile messages came through" : "",
  report.others.length > 0 ? "good clients were refused" : "",
  report.descriptorsAfter > report.descriptorsBefore ? "descriptors leak" : "",
  report.faults > 0 ? "sessions had faults" : "",
  report.exit !== 0 ? "the relay did not end well" : "",
  report.liveLate > report.liveEarly * slack + 2e6 || (seconds >= longEnough && late > early * looseSlack)
    ? "memory grows"
    : "",
].filter((fault) => fault !== "");
print(faults.length === 0 ? "all is well" : `NOT WELL: ${faults.join(", ")}`);
process.exitCode = faults.length === 0 ? 0 : 1;
