/** Whether a process is there, somebody else's too. */
import { errorCode } from "../report/error-message.ts";

/** Says so. A number that another process has got meanwhile counts as running. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}
