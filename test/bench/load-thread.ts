/** The load of a bench in a thread of Node, for machines without a C compiler. Slower than smtpload.c: it is itself a limit. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

import type { Load, Result } from "./generator.ts";

const { mode, options } = workerData as Load;
const number = (name: string, usual: number): number => Number(options[name] ?? usual);
const port = number("port", 2525);
const rcpts = mode === "session" || mode === "deliver" ? 1 : number("rcpts", 10);
const transactions = mode === "session" ? 1 : number("tx", 20);
const pipelined = number("pipeline", 0) === 1;
const valid = "valid" in options ? readFileSync(String(options["valid"]), "utf8").trimEnd().split("\n") : [];
const line = `${"x".repeat(70)}\r\n`;
const body = `Subject: load\r\n\r\n${line.repeat(Math.ceil(number("size", 4096) / line.length))}.\r\n`;
const counts = { ops: 0, violations: 0, drops: 0 };
const latencies: number[] = [];
const verdicts: number[] = [];
const state = { stopping: false };

/** A command with the code that must answer it. */
interface Step {
  readonly text: string;
  readonly wanted: number;
  readonly kind: "rcpt" | "dot" | "other";
}

function rcpt(): Step {
  const known = mode === "deliver" || (mode === "mixed" && Math.random() * 100 < number("known-pct", 20));
  const address = known
    ? valid[Math.floor(Math.random() * valid.length)]
    : `no.${Math.random().toString(36).slice(2)}@example.com`;
  return { text: `RCPT TO:<${address}>\r\n`, wanted: known ? 250 : 550, kind: "rcpt" };
}

function transaction(): Step[] {
  const other = (text: string, wanted: number): Step => ({ text, wanted, kind: "other" });
  const steps = [other("MAIL FROM:<sender@example.net>\r\n", 250), ...Array.from({ length: rcpts }, rcpt)];
  if (mode === "deliver") {
    return [...steps, other("DATA\r\n", 354), { text: body, wanted: 250, kind: "dot" }];
  }
  return mode === "session" ? steps : [...steps, other("RSET\r\n", 250)];
}

/** Replies of a connection, one code at a time. */
class Replies {
  #text = "";
  #codes: number[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(socket: Socket) {
    socket.on("data", (chunk: Buffer) => {
      const lines = (this.#text + chunk.toString("latin1")).split("\r\n");
      this.#text = lines.pop() ?? "";
      this.#codes.push(...lines.filter((each) => each[3] !== "-").map((each) => Number(each.slice(0, 3))));
      this.#wake?.();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  async next(): Promise<number> {
    while (this.#codes.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#codes.shift() ?? 0;
  }
}

async function check(replies: Replies, { wanted, kind }: Step, since: number): Promise<boolean> {
  const code = await replies.next();
  if (code === 0 || code === 421) {
    counts.drops++;
    return false;
  }
  counts.violations += code === wanted ? 0 : 1;
  const counted = mode === "deliver" ? kind === "dot" : mode !== "session" && kind === "rcpt";
  if (counted) {
    counts.ops++;
    latencies.push(performance.now() - since);
  }
  return true;
}

async function session(): Promise<void> {
  const opened = performance.now();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const replies = new Replies(socket);
  const ask = async (step: Step): Promise<boolean> => {
    const since = performance.now();
    socket.write(step.text, "latin1");
    return check(replies, step, since);
  };
  try {
    if (!(await check(replies, { text: "", wanted: 220, kind: "other" }, opened))) {
      return;
    }
    await ask({ text: "EHLO client.example.net\r\n", wanted: 250, kind: "other" });
    for (let count = 0; count < transactions && !state.stopping; count++) {
      const steps = transaction();
      if (pipelined) {
        const since = performance.now();
        socket.write(steps.map(({ text }) => text).join(""), "latin1");
        for (const step of steps) {
          await check(replies, step, since);
        }
        continue;
      }
      for (const step of steps) {
        if (!(await ask(step))) {
          return;
        }
      }
      if (mode === "session") {
        verdicts.push(performance.now() - opened);
      }
    }
    await ask({ text: "QUIT\r\n", wanted: 221, kind: "other" });
    if (mode === "session") {
      counts.ops++;
    }
  } finally {
    socket.destroy();
  }
}

async function client(): Promise<void> {
  while (!state.stopping) {
    await session();
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const clients = Array.from({ length: number("conc", 20) }, client);
await new Promise((resolve) => setTimeout(resolve, number("warmup", 0) * 1000));
counts.ops = 0;
latencies.length = 0;
verdicts.length = 0;
const started = performance.now();
setTimeout(() => (state.stopping = true), number("seconds", 1) * 1000);
await Promise.all(clients);
const result: Result = {
  ...counts,
  timeouts: 0,
  ops_per_s: (counts.ops * 1000) / (performance.now() - started),
  p50_ms: median(latencies),
  ...(mode === "session" ? { verdict_p50_ms: median(verdicts) } : {}),
};
// Not the browser's: it has one argument.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.postMessage(result);
