/** Remembers which targets still lack the list that serves, and pushes it to them again; docs/distribution.md. */
import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";
import { readIncident, writeIncident } from "../remember/incident.ts";
import { createdAt } from "../list/previous.ts";
import { push } from "./push.ts";
import type { Target } from "./target.ts";

/**
 * Pushes the list to the targets, and remembers those that did not get it. Rejects never.
 * @returns their names
 */
export async function pushList(
  targets: readonly Target[],
  path: string,
  log: Log,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names = targets.map(({ name }) => name);
  // Before anything is sent: a run that is killed on the way has not pushed.
  remember(path, names, names, log);
  const failed = await push(targets, path, log, signal);
  remember(path, names, failed, log);
  return failed;
}

/** Pushes the list to those of the targets that lack it. Rejects never. */
export async function pushAgain(
  targets: readonly Target[],
  path: string,
  log: Log,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { unpushed } = readIncident(path);
  const wanting = targets.filter(({ name }) => unpushed.includes(name));
  // A damaged file is worth less than what the targets have.
  return wanting.length === 0 || signal.aborted || createdAt(path) === undefined
    ? []
    : pushList(wanting, path, log, signal);
}

/** @param tried what is known by now; of the others stays what was known */
function remember(path: string, tried: readonly string[], failed: readonly string[], log: Log): void {
  const incident = readIncident(path);
  const unpushed = [...incident.unpushed.filter((name) => !tried.includes(name)), ...failed];
  if (unpushed.join("\n") === incident.unpushed.join("\n")) {
    return;
  }
  try {
    writeIncident(path, { ...incident, unpushed });
  } catch (error) {
    log.error("sync", "cannot save which targets lack the list", { path, why: errorMessage(error) });
  }
}
