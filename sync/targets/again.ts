/** Remembers which targets have the list that serves, and pushes it to those that lack it; docs/distribution.md. */
import { errorMessage } from "../../src/report/error-message.ts";
import type { Log } from "../../src/report/log.ts";
import { readIncident, writeIncident } from "../remember/incident.ts";
import { readPushed, writePushed } from "../remember/pushed.ts";
import type { Pushed } from "../remember/pushed.ts";
import { createdAt } from "../list/previous.ts";
import { readSeal } from "../list/seal.ts";
import { push } from "./push.ts";
import type { Sent } from "./push.ts";
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
  rememberLacking(path, names, names, log);
  const seal = sealOf(path);
  const sent = await push(targets, path, log, signal);
  const failed = sent.flatMap(({ target, reached }) => (reached ? [] : [target.name]));
  rememberPushed(path, seal, sent, log);
  rememberLacking(path, names, failed, log);
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

/**
 * Pushes a list whose file a sync has left as it is to the targets that lack it or never got it, and to those whose file
 * is another one by now. A target that cannot say what it has is believed to have what it got. Rejects never.
 */
export async function pushUnchanged(
  targets: readonly Target[],
  path: string,
  log: Log,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { unpushed } = readIncident(path);
  const [pushed, seal] = [readPushed(path), sealOf(path)];
  const wanting = await Promise.all(
    targets.map(async (target) => {
      const got = unpushed.includes(target.name) ? undefined : pushed.get(target.name);
      if (got?.identity !== target.identity || got.seal !== seal) {
        return [target];
      }
      const why = await lossOf(target, got, path, signal);
      // A run that is stopped knows nothing.
      if (why === undefined || signal.aborted) {
        return [];
      }
      log.warning("sync", "the list is no longer at the target, pushing it again", { target: target.name, why });
      return [target];
    }),
  );
  const lacking = wanting.flat();
  return lacking.length === 0 ? [] : pushList(lacking, path, log, signal);
}

/** Why a target has not the file that it got; undefined: it has. One that cannot be asked has not: the push tells more. */
async function lossOf(
  target: Target,
  { proof }: Pushed,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (proof === "") {
    return undefined;
  }
  try {
    return (await target.look(path, signal)) === proof ? undefined : "another file is there";
  } catch (error) {
    return errorMessage(error);
  }
}

/** Undefined where the file cannot be read, or has none: then nobody is known to have it. */
function sealOf(path: string): string | undefined {
  try {
    return readSeal(path);
  } catch {
    return undefined;
  }
}

/** @param seal of the list, read before it was sent: if another one took its place meanwhile, nobody is known to have that */
function rememberPushed(path: string, seal: string | undefined, sent: readonly Sent[], log: Log): void {
  if (sent.length === 0) {
    return;
  }
  const known = new Map(readPushed(path));
  for (const { target, reached, proof } of sent) {
    if (seal === undefined || !reached || proof === undefined) {
      known.delete(target.name);
    } else {
      known.set(target.name, { identity: target.identity, seal, proof });
    }
  }
  try {
    writePushed(path, known);
  } catch (error) {
    log.warning("sync", "cannot save which list the targets have, they get it again", {
      path,
      why: errorMessage(error),
    });
  }
}

/** @param tried what is known by now; of the others stays what was known */
function rememberLacking(path: string, tried: readonly string[], failed: readonly string[], log: Log): void {
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
