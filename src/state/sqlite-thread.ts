/** The thread that reads and writes the file of the state, so that no session waits for a disk or another worker. */
import { parentPort, workerData } from "node:worker_threads";

import type Database from "better-sqlite3";

import { identityOf, isDamage, moveAside, openStateFile } from "./sqlite-file.ts";
import { SqliteRows } from "./sqlite-rows.ts";
import type { Request } from "./sqlite-rows.ts";
import { errorMessage } from "../report/error-message.ts";

/** What comes to the thread: operations, or word to end. */
export type ToThread = { readonly requests: readonly Request[]; readonly now: number } | "close";
/** What it says: the answers to all of them, why there are none, or that a file was moved aside. */
export type FromThread =
  | { readonly kind: "answers"; readonly answers: readonly unknown[] }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "moved"; readonly to: string; readonly why: string };

/** How often the file is looked at, in ms: another worker may have moved it aside, or someone deleted it. */
const lookEvery = 1000;

const { path }: { readonly path: string } = workerData;
let opened:
  | { readonly database: Database.Database; readonly rows: SqliteRows; readonly identity: string | undefined }
  | undefined;
let looked = 0;

function say(message: FromThread): void {
  parentPort?.postMessage(message, []);
}

function moved(to: string, why: string): void {
  say({ kind: "moved", to, why });
}

function close(): void {
  opened?.database.close();
  opened = undefined;
}

function open(): SqliteRows {
  const now = performance.now();
  if (opened !== undefined && now - looked >= lookEvery) {
    looked = now;
    if (identityOf(path) !== opened.identity) {
      close();
    }
  }
  if (opened === undefined) {
    const database = openStateFile(path, moved);
    opened = { database, rows: new SqliteRows(database), identity: identityOf(path) };
    looked = now;
  }
  return opened.rows;
}

function fail(error: unknown): void {
  if (isDamage(error)) {
    const isStillThere = opened !== undefined && identityOf(path) === opened.identity;
    close();
    if (isStillThere) {
      moveAside(path, error, moved);
    }
  }
  say({ kind: "failed", why: errorMessage(error) });
}

parentPort?.on("message", (message: ToThread) => {
  if (message === "close") {
    close();
    parentPort?.close();
    return;
  }
  try {
    say({ kind: "answers", answers: open().run(message.requests, message.now) });
  } catch (error) {
    fail(error);
  }
});
