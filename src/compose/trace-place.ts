/** The journal of a relay that another process runs, for a command beside it. */
import { accessSync, constants } from "node:fs";

import type { Settings } from "../config/sections.ts";
import { exit } from "../ops/exit.ts";
import { errorCode, errorMessage, fileErrorMessage } from "../report/error-message.ts";
import { addressKey } from "../trace/keyed-event.ts";
import { normalAddress } from "../trace/search-keys.ts";
import { FileFault } from "./file-fault.ts";
import { traceFolderOf, traceSecretOf } from "./record.ts";
import { besideUnit } from "./state-place.ts";

/** Where it is, and how it holds an address. */
export interface TracePlace {
  readonly folder: string;
  readonly keyed: (address: string) => string;
}

/** The journal; or why it cannot be read. */
export function traceBeside(settings: Settings): TracePlace | string {
  try {
    return placeOf(settings);
  } catch (error) {
    return errorMessage(error);
  }
}

/** The journal for a verb; undefined: why it cannot be read is on stderr, and the exit code is set. */
export function traceForCommand(settings: Settings): TracePlace | undefined {
  try {
    return placeOf(settings);
  } catch (error) {
    process.stderr.write(`goodmailto: ${errorMessage(error)}\n`);
    process.exitCode = error instanceof FileFault ? exit.config : exit.unavailable;
    return undefined;
  }
}

/** @throws FileFault without the secret that is needed, Error if there is no journal, or none for this user */
function placeOf(settings: Settings): TracePlace {
  const folder = traceFolderOf(besideUnit(settings));
  if (folder === "") {
    throw new Error("no journal is kept: set [trace] keep, and [trace] folder or [state] folder");
  }
  const secret = traceSecretOf(settings);
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
  } catch (error) {
    const isMissing = errorCode(error) === "ENOENT";
    const why = settings.trace.keep === 0 ? "[trace] keep is 0s" : "the relay makes it when it starts";
    throw new Error(
      isMissing
        ? `there is no journal in "${folder}": ${why}`
        : `cannot read the journal in "${folder}": ${fileErrorMessage(error)}`,
      { cause: error },
    );
  }
  return { folder, keyed: secret === undefined ? normalAddress : addressKey(secret) };
}
