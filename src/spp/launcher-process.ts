/**
 * The small process that starts plugin programs for the server. A fork copies the page tables of whoever forks,
 * milliseconds in a server that holds a large snapshot, and no session is served meanwhile; here it costs a
 * fraction and holds nobody up. Ends with its server, and ends the programs then.
 */
import type { Readable } from "node:stream";

import { Pipes } from "./pipes.ts";
import { killGroup, startFailure, startProgram } from "./program.ts";
import type { Launch, Program, StartFailure } from "./program.ts";

/** What the server asks. */
export type Order =
  | (Launch & {
      readonly kind: "start";
      readonly id: number;
      /** Of each output stream so many bytes and one more are reported. */
      readonly maxOutput: number;
    })
  | { readonly kind: "kill"; readonly id: number };

/** Messages to the server. After `failed` or `ended` there is nothing more of a program. */
export type Report =
  /** Its process group, so that the server can end it should this process be lost. */
  | { readonly kind: "started"; readonly id: number; readonly pid: number }
  | { readonly kind: "output" | "errors"; readonly id: number; readonly chunk: Uint8Array }
  | { readonly kind: "failed"; readonly id: number; readonly why: StartFailure }
  | {
      readonly kind: "ended";
      readonly id: number;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    };

/** How long a program has between SIGTERM and SIGKILL, in ms. */
const grace = 1000;

interface Running {
  readonly program: Program;
  /** Set when it is killed. */
  killing: NodeJS.Timeout | undefined;
}

const running = new Map<number, Running>();
const pipes = new Pipes();
/** The server is gone. */
let leaving = false;

function report(told: Report): void {
  // The callback keeps a server that has just gone from being an error here: `disconnect` follows.
  process.send?.(told, undefined, undefined, () => {});
}

function start(order: Order & { kind: "start" }): void {
  const { id, maxOutput } = order;
  let program: Program;
  try {
    program = startProgram(order, pipes);
  } catch (error) {
    report({ kind: "failed", id, why: startFailure(error) });
    return;
  }
  running.set(id, { program, killing: undefined });
  if (program.process.pid !== undefined) {
    report({ kind: "started", id, pid: program.process.pid });
  }
  relay(program.output, "output", id, maxOutput);
  relay(program.errors, "errors", id, maxOutput);
  program.process.once("error", (error) => {
    // Only a program that did not start has no process id.
    if (program.process.pid === undefined) {
      close(id, { kind: "failed", id, why: startFailure(error) });
    }
  });
  program.process.once("exit", (code, signal) => {
    endGroup(id);
    // What the program wrote is in the pipes now, and the next turn of the loop reads all of it. An end of file
    // may never come: a process that the plugin left behind can hold the pipes open.
    setImmediate(() => setImmediate(() => close(id, { kind: "ended", id, code, signal })));
  });
}

/** Reads a stream to its end, also what is not reported: the program must not find a full or broken pipe. */
function relay(stream: Readable, kind: "output" | "errors", id: number, maxOutput: number): void {
  let room = maxOutput + 1;
  stream.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, room);
    room -= part.length;
    if (part.length > 0) {
      report({ kind, id, chunk: part });
    }
  });
  // A broken pipe is not an answer: the exit is.
  stream.on("error", () => {});
}

function kill(id: number): void {
  const found = running.get(id);
  const { pid, exitCode = null, signalCode = null } = found?.program.process ?? {};
  if (found !== undefined && pid !== undefined && exitCode === null && signalCode === null) {
    killGroup(pid, "SIGTERM");
    found.killing ??= setTimeout(() => killGroup(pid, "SIGKILL"), grace);
  }
}

/** After a kill, nothing of the group may stay; after a plain exit, what the plugin left behind is its business. */
function endGroup(id: number): void {
  const found = running.get(id);
  const pid = found?.program.process.pid;
  if (pid !== undefined && found?.killing !== undefined) {
    clearTimeout(found.killing);
    killGroup(pid, "SIGKILL");
  }
}

function close(id: number, told: Report): void {
  const program = running.get(id)?.program;
  program?.output.destroy();
  program?.errors.destroy();
  running.delete(id);
  report(told);
  leaveIfIdle();
}

function signalAll(signal: NodeJS.Signals): void {
  for (const { program } of running.values()) {
    if (program.process.pid !== undefined) {
      killGroup(program.process.pid, signal);
    }
  }
}

function leaveIfIdle(): void {
  if (leaving && running.size === 0) {
    leave();
  }
}

function leave(): never {
  pipes.remove();
  process.exit(0);
}

process.on("message", (order: Order) => {
  switch (order.kind) {
    case "start":
      start(order);
      break;
    case "kill":
      kill(order.id);
      break;
  }
});

process.once("disconnect", () => {
  leaving = true;
  signalAll("SIGTERM");
  leaveIfIdle();
  setTimeout(() => {
    signalAll("SIGKILL");
    leave();
  }, grace);
});

// Signals for the whole service are the server's business: it may still have sessions to end well.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {});
}
