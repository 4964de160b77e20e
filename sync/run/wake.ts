/** Runs when a file changes: what was pushed to `goodmailto scim` is in the list within seconds. */
import { versionOf } from "../../src/files/list-reader.ts";

/** ms between two looks. */
const lookEvery = 500;
/** ms from the end of one run to the next: during a first push there is something new all the time. */
const rest = 1500;

/** Watches. */
export interface Wake {
  /** The files from now on. */
  change(files: readonly string[]): void;
  close(): void;
}

/** Watches nothing yet. @param run must not reject */
export function startWake(run: () => Promise<void>): Wake {
  let files: readonly string[] = [];
  let seen = "";
  let isResting = false;
  const versions = (): string => files.map(versionOf).join(" ");
  const look = (): void => {
    const now = isResting ? seen : versions();
    if (now === seen) {
      return;
    }
    seen = now;
    isResting = true;
    void run().finally(() => {
      setTimeout(() => {
        isResting = false;
      }, rest).unref();
    });
  };
  const timer = setInterval(look, lookEvery).unref();
  return {
    change(next) {
      files = next;
      // What changed while nobody looked is news, too.
      seen = "";
    },
    close: () => clearInterval(timer),
  };
}
