/** What is counted of a next hop's replies. */
import { labelsBy } from "../../report/counters.ts";
import type { Counters } from "../../report/counters.ts";

/** What a hop is waited for: connection and MAIL count with the first RCPT. */
export type HopCommand = "RCPT" | "DATA" | "final dot";

const byCode = labelsBy("code");
const byCommand = labelsBy("command");

/** Counts a reply. @param code "none": none came @param waited with what was waited for, and since when */
export function countReply(counters: Counters, code: number | "none", ...waited: [HopCommand, number] | []): void {
  counters.add("hop_replies", byCode(code));
  const [command, began] = waited;
  if (command !== undefined && began !== undefined) {
    noteWait(counters, command, began);
  }
}

/** Notes how long a hop was waited for. @param began by performance.now() */
export function noteWait(counters: Counters, command: HopCommand, began: number): void {
  counters.observe("hop_seconds", (performance.now() - began) / 1000, byCommand(command));
}
