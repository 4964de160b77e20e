/** What is counted of a next hop's replies. */
import type { Origin } from "../../mail/courier.ts";
import { labelsBy } from "../../report/counters.ts";
import type { Counters } from "../../report/counters.ts";

/** What a hop is waited for: connection and MAIL count with the first RCPT. */
export type HopCommand = "RCPT" | "DATA" | "final dot";

const byCode = labelsBy("code");
const byCommand = labelsBy("command");

/** A wait for a hop. */
export interface Wait extends Pick<Origin, "session" | "ref"> {
  readonly command: HopCommand;
  /** By performance.now(). */
  readonly began: number;
}

/** Counts a reply. @param code "none": none came @param wait if the hop was waited for */
export function countReply(counters: Counters, code: number | "none", wait?: Wait): void {
  counters.add("hop_replies", byCode(code));
  if (wait !== undefined) {
    noteWait(counters, code, wait);
  }
}

/** Notes how long a hop was waited for; the distribution is of its replies alone. */
export function noteWait(counters: Counters, code: number | "none", wait: Wait): void {
  const { command, began, session, ref = session } = wait;
  const ms = performance.now() - began;
  if (code !== "none") {
    counters.observe("hop_seconds", ms / 1000, byCommand(command));
  }
  const [name, failed] = [`hop ${command}`, code === "none"];
  counters.tracer?.note({ kind: "hop", name, session, ref, ms, failed, facts: { command, code } });
}
