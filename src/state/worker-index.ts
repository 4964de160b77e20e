/** Which of several processes on one port this one is. */

/** Set by the supervisor: "0", "1" and so on. */
export const workerVariable = "GOODMAILTO_WORKER";

/** Undefined: it is alone. */
export function workerIndex(): string | undefined {
  const index = process.env[workerVariable];
  return index === "" ? undefined : index;
}

/** Whether this process does what one has to do for all. */
export function isFirstWorker(): boolean {
  const index = workerIndex();
  return index === undefined || index === "0";
}
