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
export interface ToThread {
  readonly notes: Notes;
  readonly now: number;
  readonly last: boolean;
  /** When the list that serves was first published, ms since 1970; undefined: there is none. */
  readonly list: number | undefined;
}
/** What it says when a batch is done. `moved`: where a damaged file went. `waits`: the text lacks the batch as yet. */
export interface FromThread {
  readonly waits?: boolean;
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

/**
 * The text is for every worker's rows: it is enough that one of them writes it. It is read and written under the lock of
 * the rows: else an older one could take the place of a newer one. @returns whether it is written now
 */
function writeText(rows: TrafficRows, { now, last, list }: ToThread): boolean {
  const written = statSync(textPath, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const isDue = last || Math.abs(Date.now() - written) >= textEvery;
  if (isDue) {
    replaceFile(textPath, printTraffic(rows.read(now, list)), { mode: 0o640 });
  }
  return isDue;
}

function take(message: ToThread): FromThread {
  try {
    const rows = open();
    const isWritten = rows.locked(() => {
      rows.write(message.notes, message.now);
      return writeText(rows, message);
    });
    if (!isWritten) {
      return { waits: true, ...(moved === undefined ? {} : { moved }) };
    }
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
