/** Pushes a published snapshot to every target, all at once: one that hangs does not hold up the others. */
import type { Log } from "../../src/report/log.ts";
import type { Target } from "./target.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** What came of one target. */
export interface Sent {
  readonly target: Target;
  /** If not, it keeps what it had, and the next sync tries again. */
  readonly reached: boolean;
  /** What it said of its file right afterwards; undefined: it could not be asked. */
  readonly proof: string | undefined;
}

/** Sends the file everywhere. Rejects never. */
export function push(
  targets: readonly Target[],
  path: string,
  log: Log,
  signal: AbortSignal,
): Promise<readonly Sent[]> {
  return Promise.all(
    targets.map(async (target) => {
      const started = performance.now();
      try {
        await target.send(path, signal);
        const seconds = Number(((performance.now() - started) / 1000).toFixed(2));
        log.info("sync", "pushed", { target: target.name, seconds });
      } catch (error) {
        const why = errorMessage(error);
        log.error("sync", "push failed, target keeps its previous snapshot", { target: target.name, why });
        return { target, reached: false, proof: undefined };
      }
      try {
        return { target, reached: true, proof: await target.look(path, signal) };
      } catch (error) {
        const why = errorMessage(error);
        log.warning("sync", "pushed, but the target does not show it", { target: target.name, why });
        return { target, reached: true, proof: undefined };
      }
    }),
  );
}
