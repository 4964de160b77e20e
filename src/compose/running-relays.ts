/** What all processes of the running relay say together, for commands beside it. */
import { visible } from "../report/visible.ts";
import type { Asked } from "../ops/control-client.ts";
import { version } from "../ops/version.ts";
import { blockKindOf } from "./blocks.ts";
import type { Block, BlockKind } from "./blocks.ts";
import type { RelayReport } from "./relay-answers.ts";

/** Says on standard error who did not answer. @returns whether somebody did not, or nobody runs */
export function tellSilent({ answers, silent }: Asked, folder: string): boolean {
  for (const { path, why } of silent) {
    process.stderr.write(`goodmailto: ${path}: ${why}\n`);
  }
  if (answers.length === 0 && silent.length === 0) {
    process.stderr.write(`goodmailto: no relay runs, or this user may not ask it: nothing answers in "${folder}"\n`);
  }
  return silent.length > 0 || answers.length === 0;
}

/** Each block once, the longest first. */
export function blockedEverywhere(answers: Asked["answers"]): Block[] {
  const longest = new Map<string, Block>();
  // What a relay calls so is that.
  for (const block of answers.flatMap(({ blocks }) => (Array.isArray(blocks) ? (blocks as Block[]) : []))) {
    const key = `${block.kind} ${block.network}`;
    if (block.seconds > (longest.get(key)?.seconds ?? -1)) {
      longest.set(key, block);
    }
  }
  return [...longest.values()].toSorted((a, b) => b.seconds - a.seconds || (a.network < b.network ? -1 : 1));
}

/** What any of them has ended. */
export function endedAnywhere(answers: Asked["answers"]): BlockKind[] {
  const kinds = answers.flatMap(({ ended }) => (Array.isArray(ended) ? ended.map(blockKindOf) : []));
  return [...new Set(kinds)].filter((kind) => kind !== undefined);
}

/** The reports among the answers. */
export function reportsOf({ answers }: Asked): RelayReport[] {
  // What it holds beside a process id is shown as it is.
  return answers.flatMap((answer) => (typeof answer["pid"] === "number" ? [answer as unknown as RelayReport] : []));
}

/** A few lines about each process. */
export function formatReports(reports: readonly RelayReport[]): string {
  return reports
    .map((report) => {
      const { pid, uptime, sessions, loaded, list, addresses, alarm, blocked, hops } = report;
      const list1 = list === null ? "no list" : `list of ${list} with ${addresses} addresses`;
      const other = report.version === version ? "" : `, version ${report.version} (this is ${version})`;
      const facts = `up ${uptime} s${other}, ${sessions} sessions, ${blocked} networks blocked, configuration of ${loaded}`;
      const places = hops.map(
        ({ hop, connections, rests }) =>
          `  next hop ${hop}: ${connections} connections${rests === null ? "" : `, not tried for a moment: ${rests}`}\n`,
      );
      // Another version may not say it.
      const waiting = report.waiting ?? null;
      const next =
        waiting === null ? "" : `  list: that of ${waiting.list} waits for the canaries until ${waiting.until}\n`;
      const wrong = alarm === null ? "" : `  list: ${alarm}\n`;
      return visibleLines(`relay: process ${pid} ${facts}, ${list1}\n${next}${wrong}${places.join("")}`);
    })
    .join("");
}

/** A hop's words may be anything. */
function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}
