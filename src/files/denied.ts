/** Whether a file is there and may not be read by this user: another program, as another user, may well read it. */
import { accessSync, constants } from "node:fs";

import { errorCode } from "../report/error-message.ts";

/** Why; undefined if it may be read, or where something else is wrong. */
export function denialOf(path: string, mode = constants.R_OK): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    const code = errorCode(error);
    return ["EACCES", "EPERM"].includes(code) ? "cannot be read by this user (permission denied)" : undefined;
  }
}
