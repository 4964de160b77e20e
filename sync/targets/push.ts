/** Pushes a published snapshot to every target, all at once: one that hangs does not hold up the others. */
import type { Log } from "../../src/report/log.ts";
import type { Target } from "./target.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/**
 * Sends the file everywhere. Rejects never.
 * @returns the names of targets that did not get it; they keep what they had, and the next sync tries again
 */
export async function push(
  targets: readonly Target[],
  path: string,
  log: Log,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const failed = await Promise.all(
    targets.map(async (target) => {
      const started = performance.now();
      try {
        await target.send(path, signal);
        const seconds = Number(((performance.now() - started) / 1000).toFixed(2));
        log.info("sync", "pushed", { target: target.name, seconds });
        return [];
      } catch (error) {
        const why = errorMessage(error);
        log.error("sync", "push failed, target keeps its previous snapshot", { target: target.name, why });
        return [target.name];
      }
    }),
  );
  return failed.flat();
}
