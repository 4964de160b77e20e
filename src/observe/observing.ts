/** The observer of one relay process: there while `[recipients]` or a `[[domain]]` observes, and a file is named. */
import type { Mode } from "../config/check-words.ts";
import type { RecipientSettings } from "../config/schema.ts";
import type { Log } from "../report/log.ts";
import type { Observer } from "../report/observer.ts";
import { workerIndex } from "../state/worker-index.ts";
import { Observations } from "./observations.ts";

/** The file of this process: each worker has one of its own. */
export function observeFile(file: string, worker = workerIndex()): string {
  return worker === undefined ? file : `${file}.${worker}`;
}

/** Outlives a reload as long as the file stays the same. */
export class Observing {
  readonly #log: Log;
  #current: Observations | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The observer that these settings ask for. @param modes of `[recipients]` and of every `[[domain]]` */
  change(
    modes: readonly Mode[],
    { observe_file: file }: Pick<RecipientSettings, "observe_file">,
  ): Observer | undefined {
    const path = modes.includes("observe") && file !== "" ? observeFile(file) : undefined;
    if (this.#current?.path !== path) {
      this.#current?.close();
      this.#current = path === undefined ? undefined : new Observations(path, this.#log);
    }
    return this.#current;
  }

  close(): void {
    this.#current?.close();
    this.#current = undefined;
  }
}
