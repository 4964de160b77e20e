/** The thread that writes the file of the traffic, and the text that is handed over: no session waits for a disk. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";

import type Database from "better-sqlite3";

import { replaceFile } from "../files/replace.ts";
import { errorMessage } from "../report/error-message.ts";
import { createKeyedForm } from "../snapshot/keyed.ts";
import type { Match } from "../snapshot/keyed.ts";
import { identityOf, isDamage, moveAside } from "../state/sqlite-file.ts";
import { openTrafficFile } from "./file.ts";
import { TrafficRows } from "./rows.ts";
import type { Notes } from "./rows.ts";
import { printTraffic, textFile } from "./text.ts";

/** How the thread is started. */
export interface ThreadData {
  readonly folder: string;
  /** 64 hex digits. */
  readonly secret: string;
  readonly match: Match;
  /** ms between two texts, by whichever worker. */
  readonly textEvery: number;
}

/** What comes to it: a batch, with the time in ms since 1970. `last`: the text is written in any case. */
export type ToThread = { readonly notes: Notes; readonly now: number; readonly last: boolean };
/** What it says when a batch is done. `moved`: where a damaged file went. */
export interface FromThread {
  readonly why?: string;
  readonly moved?: { readonly to: string; readonly why: string };
}

const { folder, secret, match, textEvery }: ThreadData = workerData;
const path = join(folder, "traffic.sqlite");
const textPath = textFile(folder);
const form = createKeyedForm(secret, match);
let opened: { readonly database: Database.Database; readonly rows: TrafficRows; readonly identity: string | undefined };
let isOpen = false;
let moved: FromThread["moved"];

function open(): TrafficRows {
  if (isOpen && identityOf(path) !== opened.identity) {
    close();
  }
  if (!isOpen) {
    const database = openTrafficFile(path, noteMoved);
    opened = { database, rows: new TrafficRows(database, form), identity: identityOf(path) };
    isOpen = true;
  }
  return opened.rows;
}

function noteMoved(to: string, why: string): void {
  moved = { to, why };
}

function close(): void {
  if (isOpen) {
    isOpen = false;
    opened.database.close();
  }
}

/** The text is for every worker's rows: it is enough that one of them writes it. */
function writeText(rows: TrafficRows, now: number, last: boolean): void {
  const written = statSync(textPath, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (last || Math.abs(Date.now() - written) >= textEvery) {
    replaceFile(textPath, printTraffic(rows.read(now)), { mode: 0o640 });
  }
}

function take({ notes, now, last }: ToThread): FromThread {
  try {
    const rows = open();
    rows.write(notes, now);
    writeText(rows, now, last);
    return moved === undefined ? {} : { moved };
  } catch (error) {
    if (isDamage(error) && isOpen) {
      const { identity } = opened;
      close();
      if (identityOf(path) === identity) {
        moveAside(path, error, noteMoved);
      }
    }
    return { why: errorMessage(error), ...(moved === undefined ? {} : { moved }) };
  } finally {
    moved = undefined;
  }
}

parentPort?.on("message", (message: ToThread) => {
  parentPort?.postMessage(take(message), []);
});
