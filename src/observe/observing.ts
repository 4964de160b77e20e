/** The observer of one relay process: there while `[recipients]` or a `[[domain]]` observes, and a file is named. */
import type { Mode } from "../config/check-words.ts";
import type { RecipientSettings } from "../config/schema.ts";
import type { Log } from "../report/log.ts";
import type { Observer } from "../report/observer.ts";
import { workerIndex } from "../state/worker-index.ts";
import { AskedFile } from "./asked-file.ts";
import { Observations } from "./observations.ts";

/** The file of this process: each worker has one of its own. */
export function observeFile(file: string, worker = workerIndex()): string {
  return worker === undefined ? file : `${file}.${worker}`;
}

/** Outlives a reload as long as the files stay the same. */
export class Observing {
  readonly #log: Log;
  #current: Observations | undefined;
  #asked: AskedFile | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The observer that these settings ask for. @param modes of `[recipients]` and of every `[[domain]]` */
  change(
    modes: readonly Mode[],
    { observe_file: file, asked_file: askedFile }: Pick<RecipientSettings, "observe_file" | "asked_file">,
  ): Observer | undefined {
    const path = modes.includes("observe") && file !== "" ? observeFile(file) : undefined;
    if (this.#current?.path !== path) {
      this.#current?.close();
      this.#current = path === undefined ? undefined : new Observations(path, this.#log);
    }
    const askedPath = askedFile === "" ? undefined : observeFile(askedFile);
    if (this.#asked?.path !== askedPath) {
      this.#asked?.close();
      this.#asked = askedPath === undefined ? undefined : new AskedFile(askedPath, this.#log);
    }
    return observerOf(this.#current, this.#asked);
  }

  close(): void {
    this.#current?.close();
    this.#asked?.close();
    this.#current = this.#asked = undefined;
  }
}

function observerOf(observed: Observations | undefined, asked: AskedFile | undefined): Observer | undefined {
  if (asked === undefined) {
    return observed;
  }
  return {
    unknown: (address) => asked.note(address),
    note(address, ours, code) {
      observed?.note(address, ours, code);
      if (ours === "unknown") {
        asked.note(address);
      }
    },
  };
}
