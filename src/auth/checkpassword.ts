/**
 * Asks a checkpassword program: user, password and a stamp on descriptor 3, the answer is its exit code (0 right,
 * 1 wrong, 2 misused, 111 temporary). https://cr.yp.to/checkpwd/interface.html
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Duplex, Readable } from "node:stream";

import { printable } from "../mail/reply.ts";
import type { BackEndAnswer, Login } from "./answer.ts";

/** How the program is run. */
export interface Checkpassword {
  /** Program and arguments; no shell. */
  readonly command: readonly string[];
  /** ms; then the program and all its children are ended. */
  readonly timeout: number;
}

/** The least surprising environment; nothing of the relay's own but where secrets lie. */
const inherited = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "CREDENTIALS_DIRECTORY"];
/** Of what a program says on standard error. */
const maxWords = 2000;
/** Between SIGTERM and SIGKILL, ms. */
const grace = 1000;

/** Programs at work, by process group: none outlives us. */
const running = new Set<number>();
process.once("exit", () => running.forEach((pid) => killGroup(pid, "SIGKILL")));

/** Runs the program once. Rejects never; a program that cannot answer is `unavailable`. */
export function askProgram({ command, timeout }: Checkpassword, login: Login): Promise<BackEndAnswer> {
  const { promise, resolve } = Promise.withResolvers<BackEndAnswer>();
  let child: ChildProcess;
  try {
    child = start(command, login.ip);
  } catch (error) {
    return Promise.resolve({ kind: "unavailable", why: `cannot start: ${(error as Error).message}` });
  }
  const { pid } = child;
  const words = collect(child.stderr);
  const late = setTimeout(() => {
    resolve({ kind: "unavailable", why: `no answer within ${timeout} ms` });
    end(child);
  }, timeout);
  child.once("error", (error) => {
    clearTimeout(late);
    resolve({ kind: "unavailable", why: `cannot start: ${error.message}` });
  });
  child.once("exit", (code, signal) => {
    clearTimeout(late);
    running.delete(pid ?? 0);
    resolve(answerOf(code, signal, () => withoutSecret(words(), login)));
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
  const pipe = child.stdio[3] as Duplex | null;
  // A program may answer without reading.
  pipe?.on("error", () => undefined);
  pipe?.end(`${user}\0${password}\0<${process.pid}.${Math.floor(Date.now() / 1000)}@goodmailto>\0`);
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
  const meaning = code === 2 ? "misused" : code === 111 ? "temporary fault" : "no answer of checkpassword";
  const how = code === null ? `ended by ${signal ?? "a signal"}` : `${meaning} (exit ${code})`;
  return { kind: "unavailable", why: `${how}${words()}` };
}

/** The program's last line for our log, unless it could hold the password in any plain way of writing it. */
function withoutSecret(words: string, { user, password }: Login): string {
  const line = words.trim().split("\n").at(-1) ?? "";
  const forms = [
    password,
    encodeURIComponent(password),
    ...[password, `\0${user}\0${password}`, `${user}\0${user}\0${password}`].map((text) =>
      Buffer.from(text).toString("base64").replaceAll("=", ""),
    ),
    Buffer.from(password).toString("hex"),
  ].map((form) => form.toLowerCase());
  const telling = forms.some((form) => line.toLowerCase().includes(form));
  return line === "" || telling ? "" : `: ${printable(line).slice(0, 200)}`;
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

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}
