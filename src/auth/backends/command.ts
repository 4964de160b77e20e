/**
 * Asks a checkpassword program: user, password and a stamp on descriptor 3, the answer is its exit code (0 right,
 * 1 wrong, 2 misused, 111 temporary). https://cr.yp.to/checkpwd/interface.html
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { Writable } from "node:stream";
import type { Readable } from "node:stream";

import { printable } from "../../mail/reply.ts";
import { errorMessage } from "../../report/error-message.ts";
import { killGroup } from "../../spp/program.ts";
import * as field from "../../config/fields.ts";
import { defineBackEnd } from "./contract.ts";
import type { BackEndAnswer, BackEndDefinition, Login } from "./contract.ts";
import { tellsPassword } from "./secret.ts";

export const command: BackEndDefinition = defineBackEnd({
  name: "command",
  doc: "Any program with the checkpassword interface.",
  inAuth: true,
  settings: {
    command: field.list(
      [],
      "Checkpassword program with its arguments (descriptor 3: user, password and time stamp; exit status 0, 1, 2, 111), such as `goodmailto checkpassword`, which binds to a directory.",
      { isProgram: true },
    ),
  },
  key: "command",
  timeout: "20s",
  // Exit 1 is a wrong password and an unknown user alike.
  tellsUnknown: false,
  create: ({ command: words }) => ({ check: (login, signal) => askProgram(words, login, signal) }),
});

/** The least surprising environment; nothing of the relay's own but where secrets lie. */
const inherited = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "CREDENTIALS_DIRECTORY"];
/** Of what a program says on standard error. */
const maxWords = 2000;
/** Between SIGTERM and SIGKILL, ms. */
const grace = 1000;

/** Programs at work, by process group: none outlives this process. */
const running = new Set<number>();
process.once("exit", () => running.forEach((pid) => killGroup(pid, "SIGKILL")));

/**
 * Runs the program once. Rejects never; a program that cannot answer is `unavailable`.
 * @param words program and arguments; no shell
 * @param signal ends the program and all its children
 */
export function askProgram(words: readonly string[], login: Login, signal: AbortSignal): Promise<BackEndAnswer> {
  const { promise, resolve } = Promise.withResolvers<BackEndAnswer>();
  let child: ChildProcess;
  try {
    child = start(words, login.ip);
  } catch (error) {
    return Promise.resolve({ kind: "unavailable", why: `cannot start: ${errorMessage(error)}` });
  }
  const { pid } = child;
  const errors = collect(child.stderr);
  const onLate = (): void => {
    resolve({ kind: "unavailable", why: "no answer in time" });
    end(child);
  };
  signal.addEventListener("abort", onLate, { once: true });
  child.once("error", (error) => {
    signal.removeEventListener("abort", onLate);
    resolve({ kind: "unavailable", why: `cannot start: ${error.message}` });
  });
  child.once("exit", (code, name) => {
    signal.removeEventListener("abort", onLate);
    running.delete(pid ?? 0);
    resolve(answerOf(code, name, () => withoutSecret(errors(), login)));
    // A process that the program left behind can hold the pipe open.
    setImmediate(() => child.stderr?.destroy());
  });
  if (pid !== undefined) {
    running.add(pid);
  }
  tell(child, login);
  return promise;
}

function start([program = "", ...words]: readonly string[], ip: string): ChildProcess {
  const environment = Object.fromEntries(
    inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  return spawn(program, words, {
    env: { ...environment, PROTO: "TCP", TCPREMOTEIP: ip },
    // A process group of its own, which is ended as a whole.
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
}

/** Writes descriptor 3 and closes it. The stamp is qmail-popup's form; a program for plain passwords ignores it. */
function tell(child: ChildProcess, { user, password }: Login): void {
  const pipe = child.stdio[3];
  if (!(pipe instanceof Writable)) {
    return;
  }
  // A program may answer without reading.
  pipe.on("error", () => undefined);
  pipe.end(`${user}\0${password}\0<${process.pid}.${Math.floor(Date.now() / 1000)}@goodmailto>\0`);
}

function collect(stream: Readable | null): () => string {
  let text = "";
  stream?.on("data", (chunk: Buffer) => {
    text = text.length < maxWords ? text + chunk.toString("utf8").slice(0, maxWords) : text;
  });
  stream?.on("error", () => undefined);
  return () => text;
}

function answerOf(code: number | null, signal: NodeJS.Signals | null, words: () => string): BackEndAnswer {
  if (code === 0 || code === 1) {
    return { kind: code === 0 ? "accepted" : "refused" };
  }
  const meaning = code === 2 ? "misused" : code === 111 ? "temporary failure" : "no answer of checkpassword";
  const how = code === null ? `ended by ${signal ?? "a signal"}` : `${meaning} (exit ${code})`;
  return { kind: "unavailable", why: `${how}${words()}` };
}

/** The program's last line for the log, unless it could hold the password. */
function withoutSecret(words: string, login: Login): string {
  const line = words.trim().split("\n").at(-1) ?? "";
  return line === "" || tellsPassword(line, login) ? "" : `: ${printable(line).slice(0, 200)}`;
}

function end(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) {
    return;
  }
  killGroup(pid, "SIGTERM");
  const killer = setTimeout(() => killGroup(pid, "SIGKILL"), grace).unref();
  // The group may hold children that the program started: they go with it.
  child.once("exit", () => {
    clearTimeout(killer);
    killGroup(pid, "SIGKILL");
  });
}
