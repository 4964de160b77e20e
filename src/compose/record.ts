/** `[log] events` and `[trace]` into who takes note of refusals and deliveries; the journal outlives a reload. */
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

import type { Settings } from "../config/sections.ts";
import { makeFolder } from "../files/make-folder.ts";
import { eventFields } from "../log/event-line.ts";
import type { Counters } from "../report/counters.ts";
import { fileErrorMessage } from "../report/error-message.ts";
import type { MailEvent, Recorder } from "../report/event.ts";
import type { Log } from "../report/log.ts";
import { TraceJournal } from "../trace/journal.ts";
import type { JournalOptions } from "../trace/journal-thread.ts";
import { FileFault } from "./file-fault.ts";
import { stateFolderOf } from "./state-place.ts";
import { trustOf } from "./trust.ts";

/** Where the journal is; "": nowhere. */
export function traceFolderOf(settings: Settings): string {
  const { folder } = settings.trace;
  const state = stateFolderOf(settings);
  return folder !== "" ? folder : state === "" ? "" : join(state, "trace");
}

/** The secret by which addresses are hashed; undefined: they are not. @throws FileFault */
export function traceSecretOf(settings: Settings): string | undefined {
  if (settings.trace.addresses === "plain") {
    return undefined;
  }
  const { secret } = trustOf(settings);
  if (secret === undefined) {
    throw new FileFault('[trace] addresses: "keyed" needs a secret in [snapshot] key_file');
  }
  return secret;
}

/** Undefined: none is kept. @throws FileFault if it cannot be kept there */
export function journalOptions(settings: Settings): JournalOptions | undefined {
  const { keep, max_size: maxSize } = settings.trace;
  if (keep === 0) {
    return undefined;
  }
  const folder = traceFolderOf(settings);
  if (folder === "") {
    throw new FileFault("[trace] keep: needs [trace] folder or [state] folder: the journal has no place without one");
  }
  const secret = traceSecretOf(settings);
  try {
    makeFolder(folder, 0o700);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new FileFault(`[trace] folder: cannot write to "${folder}": ${fileErrorMessage(error)}`, { cause: error });
  }
  return { keep, maxSize, folder, secret };
}

/** Who takes note, as the settings of the moment ask. */
export class Record {
  readonly #log: Log;
  readonly #counters: Counters;
  #options = "";
  #journal: TraceJournal | undefined;

  constructor(log: Log, counters: Counters) {
    this.#log = log;
    this.#counters = counters;
  }

  /** New settings. @returns undefined: nobody wants any event, and none is made. @throws FileFault; all is as it was */
  change(settings: Settings): Recorder | undefined {
    const options = journalOptions(settings);
    const text = JSON.stringify(options ?? "");
    if (text !== this.#options) {
      this.#options = text;
      // What waits is written; nobody waits for that.
      void this.#journal?.close();
      this.#journal = options && new TraceJournal(options, this.#log, this.#counters);
    }
    // A session that runs keeps its settings, and writes to the journal of the moment.
    return createRecorder(settings, this.#log, options && ((event): void => this.#journal?.note(event)));
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.#journal?.close();
  }
}

function createRecorder(
  { log: { events, level } }: Settings,
  log: Log,
  keep: ((event: MailEvent) => void) | undefined,
): Recorder | undefined {
  const isLogged = events !== "off" && (level === "info" || level === "debug");
  const isAll = isLogged && events === "all";
  if (!isLogged && keep === undefined) {
    return undefined;
  }
  return {
    wants: (told) => keep !== undefined || isAll || (isLogged && !told),
    note(event: MailEvent, told: boolean): void {
      if (isAll || (isLogged && !told)) {
        log.info("event", event.kind, eventFields(event));
      }
      keep?.(event);
    },
  };
}
