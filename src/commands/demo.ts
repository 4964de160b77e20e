/** `goodmailto demo`, which is `npm start`: the main job on embedded servers, for somebody who has nothing but Node. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Command, InvalidArgumentError } from "commander";

import { known, sendTo, unknown, withoutSnapshot, withSnapshot } from "../demo/conversations.ts";
import type { ReceivedMessage } from "../demo/next-hop.ts";
import { fileNames } from "../demo/settings.ts";
import { talk } from "../demo/talk.ts";
import { printable } from "../mail/reply.ts";
import { createLog } from "../log/log.ts";
import type { Demo } from "../compose/demo-parts.ts";
import { exit } from "../ops/exit.ts";
import { lostReader } from "../ops/lost-reader.ts";
import { errorCode, errorMessage } from "../report/error-message.ts";

/** The project's folder. */
const root = resolve(import.meta.dirname, "../..");
const defaultPort = 2525;
/** The relay looks at the snapshot every second; docs/design.md promises two. */
const switchDeadline = 5000;

interface Options {
  readonly port: number;
  readonly talk?: true;
  readonly send?: string;
  readonly sync?: true;
}

/** Loaded when it is asked for: the relay, which is the same program, holds no code that speaks LDAP. docs/design.md promise 5. */
const loadParts = (): Promise<typeof import("../compose/demo-parts.ts")> => import("../compose/demo-parts.ts");

/** Two demos at two ports do not share a folder. */
function folderOf(port: number): string {
  return join(root, port === defaultPort ? "var/demo" : `var/demo-${port}`);
}

/** Builds the verb. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("Run a directory, a sync, the relay and a next hop in one process")
    .option("-p, --port <port>", "port of the relay on 127.0.0.1", readPort, defaultPort)
    .option("--talk", "hold a short conversation with itself instead; exit 0 if every reply was right")
    .option("--send <address>", "send one message to the running demo and print the conversation")
    .option("--sync", "read the running demo's directory again")
    .action(run);
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port === 0 || port > 65_535) {
    throw new InvalidArgumentError("a port is a number from 1 to 65535");
  }
  return port;
}

async function run(options: Options): Promise<void> {
  try {
    if (options.talk === true) {
      process.exitCode = await talkToItself();
    } else if (options.send !== undefined) {
      process.exitCode = await send(options.port, options.send);
    } else if (options.sync === true) {
      await syncAgain(options.port);
    } else {
      await stay(options.port);
    }
  } catch (fault) {
    process.stderr.write(`${explain(fault, options.port)}\n`);
    process.exitCode = exit.unavailable;
  }
}

function explain(fault: unknown, port: number): string {
  const code = errorCode(fault);
  if (code === "EADDRINUSE") {
    return (
      `Port ${port} of 127.0.0.1 is taken, perhaps by another demo: nothing was started. ` +
      `Stop that program, or choose another port: npm start -- --port ${port === 65_535 ? 2525 : port + 1}`
    );
  }
  if (code === "ECONNREFUSED") {
    return `Nothing listens on 127.0.0.1:${port}: start the demo in another terminal with npm start`;
  }
  return errorMessage(fault);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describeMessage({ sender, recipients, bytes, subject }: ReceivedMessage): string {
  const text = printable(subject).slice(0, 80);
  return `next hop: received ${bytes} bytes from <${printable(sender)}> to ${printable(recipients.join(" "))}, subject "${text}"`;
}

/** Runs until a signal. */
async function stay(port: number): Promise<void> {
  const stopped = Promise.race([waitForSignal(), lostReader()]);
  const { startDemo } = await loadParts();
  // Line by line: for a person at a terminal, in the order in which it happens.
  const log = createLog({ format: "plain", level: "info", write: (line) => process.stderr.write(`${line}\n`) });
  const demo = await startDemo({
    folder: folderOf(port),
    port,
    log,
    received: (message) => say(describeMessage(message)),
  });
  say(readyText(demo));
  await stopped;
  say("");
  await demo.close();
}

function waitForSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => resolve());
    }
  });
}

function readyText(demo: Demo): string {
  const again = demo.port === defaultPort ? "" : ` --port ${demo.port}`;
  const here = `cd ${quote(root)} &&`;
  const command = (address: string): string => `npm start -s -- --send ${address}${again}`;
  return `
goodmailto is ready: the relay listens on 127.0.0.1:${demo.port} and knows ${demo.addresses} addresses and short names,
read from ${demo.entries} entries of the directory at ${demo.directoryUrl}. Its configuration is ${demo.config}

Three commands to paste into another terminal:

A recipient in the directory is accepted:
  ${here} ${command(known.address)}

A recipient that is not in the directory is refused at RCPT TO:
  ${here} ${command(unknown)}

With the snapshot removed, every recipient of the relay domain is accepted, and the relay logs an error below:
  ${here} rm -f ${quote(demo.snapshot)} && sleep 2 && ${command(unknown)}

Restore the snapshot with:
  ${here} npm start -s -- --sync${again}

Ctrl-C ends the demo.
`;
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

async function send(port: number, address: string): Promise<number> {
  if (/[^\x21-\x7e]|[<>]/.test(address)) {
    process.stderr.write("An address has no blanks, brackets or control characters\n");
    return exit.usage;
  }
  const { expected } = await talk(port, sendTo(address), say);
  return expected ? exit.ok : exit.refused;
}

async function syncAgain(port: number): Promise<void> {
  const { syncOnce } = await loadParts();
  const log = createLog({ format: "plain", level: "warning" });
  const { facts } = await syncOnce(join(folderOf(port), fileNames.config), log);
  say(`Published ${facts.addresses} addresses and short names; the relay takes them up within two seconds`);
}

/** A demo of its own at a free port, a conversation with a snapshot and one without. */
async function talkToItself(): Promise<number> {
  const { startDemo } = await loadParts();
  const log = createLog({ format: "plain", level: "error" });
  const received: ReceivedMessage[] = [];
  mkdirSync(join(root, "var"), { recursive: true });
  const own = mkdtempSync(join(root, "var/talk-"));
  try {
    const demo = await startDemo({ folder: own, port: 0, log, received: (message) => received.push(message) });
    try {
      say(`With a snapshot of ${demo.addresses} addresses and short names:`);
      const first = await talk(demo.port, withSnapshot(), say);
      received.forEach((message) => say(describeMessage(message)));
      rmSync(demo.snapshot);
      const open = await waitUntilOpen(demo.port);
      say("Without a snapshot:");
      const second = await talk(demo.port, withoutSnapshot(), say);
      const delivered = received.length === 1 && received[0]?.recipients.length === 3;
      const right = first.expected && second.expected && open && delivered;
      say(right ? "Every reply was the expected one" : "Not every reply was the expected one");
      return right ? exit.ok : exit.refused;
    } finally {
      await demo.close();
    }
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** Asks until the relay has seen that the snapshot is gone. */
async function waitUntilOpen(port: number): Promise<boolean> {
  const deadline = Date.now() + switchDeadline;
  while (Date.now() < deadline) {
    const { codes } = await talk(port, withoutSnapshot(), () => undefined);
    if (codes[3] === 250) {
      return true;
    }
    await delay(100);
  }
  return false;
}
