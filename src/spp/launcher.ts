/**
 * The server's side of launcher-process.ts: starts that process when the first plugin is wanted, and again if it died.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

import type { Order, Report } from "./launcher-process.ts";
import { killGroup } from "./program.ts";

/** Takes what is reported of one program. */
export type ReportListener = (report: Exclude<Report, { kind: "started" }>) => void;

/** What to start; see {@link Order}. */
export type Start = Omit<Order & { kind: "start" }, "id" | "kind">;

const entry = fileURLToPath(new URL("./launcher-process.ts", import.meta.url));

let helper: ChildProcess | undefined;
let lastId = 0;
const listeners = new Map<number, ReportListener>();
/** Process groups of programs under way. */
const groups = new Map<number, number>();
/** How long to wait for the end of a program that was killed, in ms; after that the helper itself hangs. */
const patience = 5000;

/**
 * Starts a program. The listener hears of `failed` or `ended` exactly once, and of nothing after it.
 * @returns ends the program and its group: SIGTERM, and SIGKILL a second later
 */
export function launch(order: Start, listener: ReportListener): () => void {
  const id = ++lastId;
  try {
    const process = (helper ??= startHelper());
    listeners.set(id, listener);
    tell(process, { ...order, kind: "start", id });
    return () => {
      tell(process, { kind: "kill", id });
      setTimeout(() => (listeners.has(id) ? process.kill("SIGKILL") : false), patience).unref();
    };
  } catch {
    // Out of descriptors or memory: reported like any other program that does not start, never within this call.
    queueMicrotask(() => listener({ kind: "failed", id, why: "vfork() failed" }));
    return () => {};
  }
}

function tell(process: ChildProcess, order: Order): void {
  if (process.connected) {
    // An error here is one of a process that is about to end, which `exit` reports.
    process.send(order, () => {});
  }
}

function startHelper(): ChildProcess {
  const process = fork(entry, [], {
    // Nothing of the relay's environment may reach a plugin, so the helper has none but this.
    env: { TMPDIR: tmpdir() },
    // It keeps next to nothing: with room for new objects as a server has it, it would take 60 MB more after some minutes.
    execArgv: ["--max-semi-space-size=1"],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  process.on("message", (report: Report) => {
    const listener = listeners.get(report.id);
    if (report.kind === "started") {
      groups.set(report.id, report.pid);
      return;
    }
    if (report.kind === "failed" || report.kind === "ended") {
      listeners.delete(report.id);
      groups.delete(report.id);
    }
    listener?.(report);
  });
  const lost = (): void => {
    if (helper === process) {
      helper = undefined;
      // Programs that lost their starter have lost their time limit with it.
      groups.forEach((pid) => killGroup(pid, "SIGKILL"));
      groups.clear();
      for (const [id, listener] of listeners) {
        listeners.delete(id);
        listener({ kind: "failed", id, why: "vfork() failed" });
      }
    }
  };
  process.once("exit", lost);
  process.once("error", lost);
  // The helper must not keep a server alive that has nothing else to do.
  process.unref();
  process.channel?.unref();
  return process;
}
