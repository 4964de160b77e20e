/** Asks for what is new again and again, between the full syncs. */
import type { Log } from "../../src/report/log.ts";

/** A clockwork. */
export interface News {
  /** How often to check from now on, in ms; 0: never. */
  change(interval: number): void;
}

/** Makes one that is not running. @param run must not reject; it leaves itself out where another run is under way */
export function startNews(log: Log, run: () => Promise<void>): News {
  let timer: NodeJS.Timeout | undefined;
  return {
    change(interval) {
      clearInterval(timer);
      timer = undefined;
      if (interval > 0) {
        log.info("sync", "checking for changes", { seconds: interval / 1000 });
        timer = setInterval(() => void run(), interval);
      }
    },
  };
}
