/** Starting a plugin program as qmail-spp does: no shell, no search along PATH, its own process group. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import type { Readable } from "node:stream";

import { errorCode } from "../report/error-message.ts";
import type { Plugin } from "./config.ts";
import { closeWriter } from "./pipes.ts";
import type { Pipe, Pipes } from "./pipes.ts";

/** A started program and what it prints. */
export interface Program {
  readonly process: ChildProcess;
  readonly output: Readable;
  readonly errors: Readable;
}

/** Why a program did not start, in the words of the reply. */
export type StartFailure = "can't execute" | "can't pipe()" | "vfork() failed";

/** What to start, and how. */
export interface Launch {
  readonly plugin: Plugin;
  /** The working directory. */
  readonly home: string;
  /** All of the environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** File for its standard input; not given: it is empty. */
  readonly input?: string;
}

/**
 * Starts a program. An error is thrown, or reported by its process's event `error`; {@link startFailure} names it.
 */
export function startProgram({ plugin, home, environment, input }: Launch, pipes: Pipes): Program {
  if (!plugin.line.startsWith(":")) {
    refuseText(resolve(home, plugin.file));
  }
  const output = pipes.take();
  const errors = pipes.take();
  let reading: number | undefined;
  try {
    reading = input === undefined ? undefined : openSync(input, constants.O_RDONLY);
    return connect(plugin, home, environment, reading, output, errors);
  } catch (error) {
    output?.reader.destroy();
    errors?.reader.destroy();
    throw error;
  } finally {
    if (reading !== undefined) {
      closeSync(reading);
    }
    closeWriter(output);
    closeWriter(errors);
  }
}

function connect(
  { file, argv: [argv0, ...rest] }: Plugin,
  home: string,
  environment: Readonly<Record<string, string>>,
  input: number | undefined,
  output: Pipe | undefined,
  errors: Pipe | undefined,
): Program {
  const child = spawn(file, rest, {
    argv0,
    cwd: home,
    env: environment,
    detached: true,
    stdio: [input ?? "ignore", output?.writer ?? "pipe", errors?.writer ?? "pipe"],
  });
  const [, ownOutput, ownErrors] = child.stdio;
  // "pipe" above makes a stream.
  return {
    process: child,
    output: output?.reader ?? (ownOutput as Readable),
    errors: errors?.reader ?? (ownErrors as Readable),
  };
}

/** Names an error of {@link startProgram} by its errno: of a pipe, of fork, of execve. */
export function startFailure(error: unknown): StartFailure {
  const code = errorCode(error);
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
 * Refuses a file without a magic number: execv does, while the library call behind `spawn` would hand it to a shell.
 * @throws an error with code ENOEXEC
 */
function refuseText(path: string): void {
  const magic = Buffer.alloc(4);
  try {
    // Without O_NONBLOCK, opening a FIFO would hold up the plugins of every session.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!fstatSync(file).isFile()) {
        return;
      }
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
