/** Starting a plugin program as qmail-spp does: no shell, no search along PATH, its own process group. */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import type { Readable } from "node:stream";

import type { Plugin } from "./config.ts";

/** A started program: standard input is empty, the two others are read by us. */
export type Program = ChildProcessByStdio<null, Readable, Readable>;

/** Why a program did not start, in the words of the reply. */
export type StartFailure = "can't execute" | "can't pipe()" | "vfork() failed";

/**
 * Starts a program. A fault is thrown, or told by the event `error`; {@link startFailure} names it.
 * @param home its working directory
 * @param environment all of its environment
 */
export function startProgram(plugin: Plugin, home: string, environment: Readonly<Record<string, string>>): Program {
  const [argv0, ...rest] = plugin.argv;
  if (!plugin.line.startsWith(":")) {
    refuseText(resolve(home, plugin.file));
  }
  return spawn(plugin.file, rest, {
    argv0,
    cwd: home,
    env: environment,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Names a fault of {@link startProgram} by its errno: of a pipe, of fork, of execve. */
export function startFailure(error: unknown): StartFailure {
  const { code = "" } = error as NodeJS.ErrnoException;
  switch (code) {
    case "EMFILE":
    case "ENFILE":
      return "can't pipe()";
    case "EAGAIN":
    case "ENOMEM":
      return "vfork() failed";
    default:
      return "can't execute";
  }
}

/** Signals a program and all that it started and that stayed in its group. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

/**
 * Refuses a file without a magic number: execv does, where the library call behind `spawn` would hand it to a shell.
 * @throws an error with code ENOEXEC
 */
function refuseText(path: string): void {
  const magic = Buffer.alloc(4);
  try {
    const file = openSync(path, "r");
    try {
      readSync(file, magic, 0, 4, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    // Missing, or executable and not readable: execve knows.
    return;
  }
  const known = magic.toString("latin1");
  if (process.platform === "linux" && !known.startsWith("#!") && known !== "\x7fELF") {
    throw Object.assign(new Error(`Cannot execute "${path}"`), { code: "ENOEXEC" });
  }
}
