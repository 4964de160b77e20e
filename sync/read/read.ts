/** Reads the sources into the scratch file, one after the other. What a failed one gave is thrown away. */
import type { Log } from "../../src/report/log.ts";
import type { LeftOut } from "../left-out.ts";
import { createCatchAlls } from "./catch-all.ts";
import { createForeignDomains } from "./foreign-domains.ts";
import type { Scratch } from "./scratch.ts";
import { SourceFault } from "../source.ts";
import type { Batch, Notice, Source } from "../source.ts";
import { errorMessage } from "../../src/report/error-message.ts";

/** How the reading of one source ended. Times are ms since 1970. */
export interface ReadResult {
  readonly name: string;
  /** Entries read, deliverable or not. */
  readonly entries: number;
  /** Values that gave no key, counted by why. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly triedAt: number;
  /** Why the list is incomplete; "" if it is. */
  readonly fault: string;
  /** Up to where its changes are known now, see source.ts; not given: not known. */
  readonly reached?: string;
  /** Until it has said what is suspicious about its list, which is complete; rejects never. Not given: it has. */
  readonly rest?: Promise<void>;
}

/** What reading needs. */
export interface ReadOptions {
  readonly scratch: Scratch;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Called after every batch, with: entries of all sources so far. */
  readonly progress?: (entries: number) => void;
  /** Called with the values that gave no address, also of an incomplete source. */
  readonly leave?: (source: string, left: readonly LeftOut[]) => void;
}

/** Values of a source that the log names at level debug. */
const maxNamed = 1000;

/**
 * Reads every source.
 * @throws what the scratch file throws (disk full), and the signal's reason; a source's own error is a result
 */
export async function readSources(sources: readonly Source[], options: ReadOptions): Promise<readonly ReadResult[]> {
  const results: ReadResult[] = [];
  let before = 0;
  for (const [index, source] of sources.entries()) {
    const result = await readSource(source, index + 1, before, options);
    before += result.entries;
    results.push(result);
  }
  return results;
}

async function readSource(source: Source, id: number, before: number, options: ReadOptions): Promise<ReadResult> {
  const { scratch, log, signal, now, progress } = options;
  const triedAt = now();
  let tally = createTally(source.name, id, options);
  const steps = iterate(source, signal, (fault) => {
    log.warning("sync", "server left out", { source: source.name, reason: fault.reason, detail: fault.message });
  });
  let isOver = true;
  try {
    for (;;) {
      const step = await steps.next();
      signal.throwIfAborted();
      if (step.kind === "failed") {
        scratch.drop(id);
        const { reason, detail } = describeFault(step.error);
        log.error("sync", "source failed", { source: source.name, reason, detail });
        return { name: source.name, entries: 0, skipped: {}, triedAt, fault: detail };
      }
      if (step.kind === "done") {
        return { name: source.name, ...tally.end(), triedAt, fault: "" };
      }
      if (step.batch.again === true) {
        scratch.drop(id);
        tally = createTally(source.name, id, options);
      }
      const entries = tally.take(step.batch);
      progress?.(before + entries);
      if (step.batch.complete === true) {
        isOver = false;
        return { name: source.name, ...tally.end(), triedAt, fault: "", rest: hearRest(steps, tally) };
      }
    }
  } finally {
    if (isOver) {
      steps.stop();
    }
  }
}

/** What a source says of its list, while others go on: whatever goes wrong, the list stays complete. */
async function hearRest(steps: Steps, tally: ReturnType<typeof createTally>): Promise<void> {
  for (;;) {
    const step = await steps.next();
    if (step.kind !== "batch") {
      break;
    }
    tally.say(step.batch);
  }
  steps.stop();
}

/** Waits until the sources have said what is suspicious about their lists, within the deadlines of their questions. */
export async function hearAll(results: readonly ReadResult[]): Promise<void> {
  await Promise.all(results.flatMap(({ rest }) => (rest === undefined ? [] : [rest])));
}

/** Takes the batches of a source into the scratch file, counts them, and says what is worth saying of them. */
function createTally(name: string, id: number, options: ReadOptions) {
  const { scratch, log } = options;
  const nameLeftOut = leftOutNamer(name, options);
  const [catchAlls, foreign] = [createCatchAlls(), createForeignDomains()];
  const skipped: Record<string, number> = {};
  let [entries, addresses, reached] = [0, 0, ""];
  const say = ({ hints = [] }: Batch): void => {
    for (const { level, text } of hints) {
      log[level]("sync", level === "info" ? "source hint" : "source has a warning", { source: name, hint: text });
    }
  };
  return {
    say,
    /** @returns the entries so far */
    take(batch: Batch): number {
      scratch.add(id, batch.found);
      scratch.addPeople(id, batch.people ?? []);
      entries += batch.entries;
      addresses += batch.found.length;
      reached = batch.reached ?? reached;
      nameLeftOut(batch.left ?? []);
      catchAlls.note(batch);
      foreign.note(batch.left ?? []);
      say(batch);
      for (const [why, count] of Object.entries(batch.skipped)) {
        // A key of the log is one word.
        const word = why.replaceAll(" ", "_");
        skipped[word] = (skipped[word] ?? 0) + count;
      }
      return entries;
    },
    /** All of the source was read. */
    end(): Pick<ReadResult, "entries" | "skipped" | "reached"> {
      log.info("sync", "source read", { source: name, entries, ...skipped });
      catchAlls.warn(log, name);
      foreign.tell(log, name, addresses);
      return { entries, skipped, reached };
    },
  };
}

/** Names what was left out, to the log and to whoever else wants to know. */
function leftOutNamer(source: string, { log, leave }: ReadOptions): (left: readonly LeftOut[]) => void {
  let named = 0;
  return (left) => {
    for (const one of left.slice(0, maxNamed - named)) {
      log.debug("sync", "left out", { source, ...one });
    }
    if (named < maxNamed && named + left.length > maxNamed) {
      log.debug("sync", "more values left out, see sync --dry-run --json", { source });
    }
    named = Math.min(maxNamed, named + left.length);
    leave?.(source, left);
  };
}

type Step =
  | { readonly kind: "batch"; readonly batch: Batch }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly error: unknown };

interface Steps {
  /** Ends at the signal even where the source does not heed it. */
  next(): Promise<Step>;
  /** Lets the source close what it has open, without waiting for it. */
  stop(): void;
}

function iterate(source: Source, signal: AbortSignal, notice: Notice): Steps {
  const iterator = source.read(signal, notice)[Symbol.asyncIterator]();
  let fail = (_error: unknown): void => {};
  // One for all steps: a listener that was removed still refers to the next one. Once old, such a row of them makes all
  // batches old, too: the collector took them for garbage only when it went through all of the heap.
  const abort = (): void => fail(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  return {
    next: () =>
      // Not Promise.race: its reactions on a promise that outlives the loop would keep every batch in memory.
      new Promise((resolve) => {
        fail = (error) => resolve({ kind: "failed", error });
        if (signal.aborted) {
          abort();
          return;
        }
        iterator
          .next()
          .then(({ done, value }) => resolve(done === true ? { kind: "done" } : { kind: "batch", batch: value }), fail);
      }),
    stop() {
      signal.removeEventListener("abort", abort);
      // What it says at the end changes nothing any more.
      Promise.resolve(iterator.return?.()).catch(() => undefined);
    },
  };
}

function describeFault(error: unknown): { readonly reason: string; readonly detail: string } {
  const reason = error instanceof SourceFault ? error.reason : "unexpected";
  return { reason, detail: errorMessage(error) };
}
