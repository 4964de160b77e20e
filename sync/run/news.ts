/** Runs something again and again between the full syncs: what is new, what the canaries say. */
import type { Log } from "../../src/report/log.ts";

/** A clockwork. */
export interface News {
  /** How often to check from now on, in ms; 0: never. */
  change(interval: number): void;
}

/** Makes one that is not running. @param event for the log @param run must not reject; it leaves itself out where another run is under way */
export function startNews(log: Log, event: string, run: () => Promise<void>): News {
  let timer: NodeJS.Timeout | undefined;
  return {
    change(interval) {
      clearInterval(timer);
      timer = undefined;
      if (interval > 0) {
        log.info("sync", event, { seconds: interval / 1000 });
        timer = setInterval(() => void run(), interval);
      }
    },
  };
}
