/** The journal of a relay that another process runs, for a command beside it. */
import { accessSync, constants, statSync } from "node:fs";

import type { Settings } from "../config/sections.ts";
import { errorMessage, fileErrorMessage } from "../report/error-message.ts";
import { addressKey } from "../trace/keyed-event.ts";
import { normalAddress } from "../trace/search-keys.ts";
import { traceFolderOf, traceSecretOf } from "./record.ts";
import { besideUnit } from "./state-place.ts";

/** Where it is, and how it holds an address. */
export interface TracePlace {
  readonly folder: string;
  readonly keyed: (address: string) => string;
}

/** The journal; or why it cannot be read. */
export function traceBeside(settings: Settings): TracePlace | string {
  const folder = traceFolderOf(besideUnit(settings));
  if (folder === "") {
    return "no journal is kept: set [trace] keep, and [trace] folder or [state] folder";
  }
  try {
    const secret = traceSecretOf(settings);
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) {
      const why = settings.trace.keep === 0 ? "[trace] keep is 0s" : "the relay makes it when it starts";
      return `there is no journal in "${folder}": ${why}`;
    }
    accessSync(folder, constants.R_OK | constants.X_OK);
    return { folder, keyed: secret === undefined ? normalAddress : addressKey(secret) };
  } catch (error) {
    const why = error instanceof Error && "path" in error ? fileErrorMessage(error) : errorMessage(error);
    return `cannot read the journal in "${folder}": ${why}`;
  }
}
