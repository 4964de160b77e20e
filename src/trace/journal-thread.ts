/** The thread that writes the journal, so that no session waits for a disk, a lock or a hash. */
import { parentPort, workerData } from "node:worker_threads";

import type Database from "better-sqlite3";

import { errorMessage } from "../report/error-message.ts";
import type { MailEvent } from "../report/event.ts";
import { identityOf, isDamage, moveAside } from "../state/sqlite-file.ts";
import { addressKey, withoutAddresses } from "./keyed-event.ts";
import { finishPart, openPart, PartWriter } from "./part-file.ts";
import { currentPart, prune } from "./parts.ts";
import type { Bounds } from "./parts.ts";

/** How the journal is kept. */
export interface JournalOptions extends Bounds {
  readonly folder: string;
  /** Addresses are hashed with it; undefined: they are as they came. */
  readonly secret: string | undefined;
}

/** What comes to the thread. */
export type ToThread = { readonly events: readonly MailEvent[]; readonly now: number } | "close";
/** What it says of each batch, and of a file that it moved aside. */
export type FromThread =
  | { readonly kind: "written" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "moved"; readonly to: string; readonly why: string };

/** How often it is looked whether the part is still the one to write to, ms. */
const lookEvery = 1000;
/** How often old parts are removed, ms. */
const pruneEvery = 60_000;

const options: JournalOptions = workerData;
const keyed = options.secret === undefined ? undefined : addressKey(options.secret);

interface Open {
  readonly path: string;
  readonly database: Database.Database;
  readonly writer: PartWriter;
  readonly identity: string | undefined;
}
let open: Open | undefined;
let lookedAt = Number.NEGATIVE_INFINITY;
let prunedAt = Number.NEGATIVE_INFINITY;

function say(message: FromThread): void {
  parentPort?.postMessage(message, []);
}

function close(): void {
  open?.database.close();
  open = undefined;
}

function moved(to: string, why: string): void {
  say({ kind: "moved", to, why });
}

/** The part of now. Another worker may have moved it aside, or begun the next one. */
function part(now: number): Open {
  if (open !== undefined && Math.abs(now - lookedAt) < lookEvery) {
    return open;
  }
  lookedAt = now;
  const path = currentPart(options.folder, options, now);
  if (open?.path !== path || identityOf(path) !== open.identity) {
    if (open !== undefined && open.path !== path) {
      finishPart(open.database);
      open = undefined;
    }
    close();
    const database = openPart(path, moved);
    open = { path, database, writer: new PartWriter(database), identity: identityOf(path) };
  }
  if (Math.abs(now - prunedAt) >= pruneEvery) {
    prunedAt = now;
    prune(options.folder, options, now, path);
  }
  return open;
}

function write(events: readonly MailEvent[], now: number): void {
  const { writer } = part(now);
  writer.write(keyed === undefined ? events : events.map((event) => withoutAddresses(event, keyed)));
}

function fail(error: unknown): void {
  if (isDamage(error) && open !== undefined) {
    const { path, identity } = open;
    const isStillThere = identityOf(path) === identity;
    close();
    if (isStillThere) {
      moveAside(path, error, moved);
    }
  }
  lookedAt = Number.NEGATIVE_INFINITY;
  say({ kind: "failed", why: errorMessage(error) });
}

parentPort?.on("message", (message: ToThread) => {
  if (message === "close") {
    close();
    parentPort?.close();
    return;
  }
  try {
    write(message.events, message.now);
    say({ kind: "written" });
  } catch (error) {
    try {
      fail(error);
    } catch (worse) {
      close();
      say({ kind: "failed", why: errorMessage(worse) });
    }
  }
});
