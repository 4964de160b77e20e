/** Remembers which targets still lack the list that serves, and pushes it to them again; docs/distribution.md. */
import type { Log } from "../../src/report/log.ts";
import { readEpisode, writeEpisode } from "../remember/episode.ts";
import { createdAt } from "../list/previous.ts";
import { carry } from "./carry.ts";
import type { Target } from "./target.ts";

/**
 * Pushes the list to the targets, and remembers those that did not get it. Rejects never.
 * @returns their names
 */
export async function carryOn(
  targets: readonly Target[],
  path: string,
  log: Log,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names = targets.map(({ name }) => name);
  // Before anything is sent: a run that is killed on the way has not pushed.
  remember(path, names, names, log);
  const failed = await carry(targets, path, log, signal);
  remember(path, names, failed, log);
  return failed;
}

/** Pushes the list to those of the targets that lack it. Rejects never. */
export async function carryAgain(
  targets: readonly Target[],
  path: string,
  log: Log,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { uncarried } = readEpisode(path);
  const wanting = targets.filter(({ name }) => uncarried.includes(name));
  // A damaged file is worth less than what the targets have.
  return wanting.length === 0 || signal.aborted || createdAt(path) === undefined
    ? []
    : carryOn(wanting, path, log, signal);
}

/** @param tried what is known by now; of the others stays what was known */
function remember(path: string, tried: readonly string[], failed: readonly string[], log: Log): void {
  const episode = readEpisode(path);
  const uncarried = [...episode.uncarried.filter((name) => !tried.includes(name)), ...failed];
  if (uncarried.join("\n") === episode.uncarried.join("\n")) {
    return;
  }
  try {
    writeEpisode(path, { ...episode, uncarried });
  } catch (error) {
    log.error("sync", "cannot save which targets lack the list", { path, why: (error as Error).message });
  }
}
