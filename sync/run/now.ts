/**
 * `goodmailto sync --now`: asks a `sync --cron` that runs for one sync at once, by a socket beside the snapshot. One
 * connection is one question; the answer is one line of JSON when the sync is over.
 */
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";

import type { Log } from "../../src/report/log.ts";
import { giveToFolderOwner } from "../list/lock.ts";

/** The answer to the process that asked. */
export interface NowAnswer {
  /** Exit code of the run. */
  readonly code: number;
  /** One line for a person. */
  readonly text: string;
}

/** Askers at a time; they all wait for the same run. */
const maxAskers = 16;
const maxAnswer = 64_000;

/** The socket of a snapshot. */
export function nowPath(snapshotPath: string): string {
  return `${snapshotPath}.now`;
}

/**
 * Listens. Where it cannot, the log says so, and syncs run by schedule alone.
 * @param run one sync; must not reject
 * @returns ends it
 */
export function answerNow(snapshotPath: string, log: Log, run: () => Promise<NowAnswer>): () => void {
  const path = nowPath(snapshotPath);
  let waiting: Promise<NowAnswer> | undefined;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.resume();
    waiting ??= run().finally(() => {
      waiting = undefined;
    });
    // A process that left meanwhile gets no answer; the sync continues.
    void waiting.then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
  });
  server.maxConnections = maxAskers;
  server.on("error", (error) => log.warning("sync", "cannot be asked by `sync --now`", { path, why: error.message }));
  const end = new AbortController();
  // Rejects never: what goes wrong is an event of the server.
  void listen(server, path, end.signal);
  return () => {
    end.abort();
    server.close();
  };
}

/** What a killed process left is not a socket that answers. */
async function listen(server: Server, path: string, signal: AbortSignal): Promise<void> {
  const isAnswered = await tryConnect(path);
  if (signal.aborted) {
    return;
  }
  if (isAnswered === undefined) {
    try {
      rmSync(path, { force: true });
    } catch {
      // The server then says why it cannot listen.
    }
  }
  server.listen(path, () => {
    try {
      giveToFolderOwner(path);
    } catch {
      // Ours alone then.
    }
  });
}

async function tryConnect(path: string): Promise<true | undefined> {
  const socket = connect(path);
  try {
    return await connected(socket);
  } finally {
    socket.destroy();
  }
}

function connected(socket: Socket): Promise<true | undefined> {
  return new Promise((resolve) => {
    socket.setTimeout(5000, () => resolve(undefined));
    socket.once("connect", () => resolve(true)).once("error", () => resolve(undefined));
  });
}

/**
 * Asks, and waits until the sync is over.
 * @param deadline ms
 * @returns undefined if nobody is there to be asked
 */
export async function askNow(snapshotPath: string, deadline: number): Promise<NowAnswer | undefined> {
  const socket = connect(nowPath(snapshotPath));
  try {
    if ((await connected(socket)) === undefined) {
      return undefined;
    }
    return parseAnswer(await readLine(socket, deadline));
  } finally {
    socket.destroy();
  }
}

function readLine(socket: Socket, deadline: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.setTimeout(deadline, () => resolve(""));
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("\n") || text.length > maxAnswer) {
        resolve(text);
      }
    });
    socket.once("close", () => resolve(text)).on("error", () => resolve(text));
  });
}

function parseAnswer(line: string): NowAnswer | undefined {
  try {
    const { code, text }: Partial<NowAnswer> = JSON.parse(line);
    return typeof code === "number" && typeof text === "string" ? { code, text } : undefined;
  } catch {
    return undefined;
  }
}
