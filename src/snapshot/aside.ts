/** Threads that judge large files beside the sessions, which come first. */
import { getPriority, setPriority } from "node:os";
import type { Transferable } from "node:worker_threads";
import { Worker } from "node:worker_threads";

/**
 * For a file, in ms, and for how many bytes there is a ms more: ten million addresses (800 MB) take 15 s of processor,
 * of which a thread that gives way gets a twentieth where the sessions want all.
 */
const leastDeadline = 60_000;
const bytesPerMs = 1000;

/** By so much a thread is nicer than the process: it gets about a tenth of what another gets. */
const nicer = 10;

/** It makes strings that nobody keeps: room for new ones that is larger than this only takes memory, MB. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 };

/** What a thread gets. */
export interface Order {
  readonly data: unknown;
  /** Of the file that it judges, in bytes. */
  readonly size: number;
  readonly transferList?: readonly Transferable[];
}

/**
 * Starts a thread that answers once, and waits for its answer.
 * @throws what the thread threw, or that it had no answer in time
 */
export function runAside<Answer>(thread: URL, { data, size, transferList = [] }: Order): Promise<Answer> {
  const worker = new Worker(thread, { workerData: data, transferList: [...transferList], resourceLimits });
  const timer = setTimeout(() => void worker.terminate(), leastDeadline + size / bytesPerMs);
  return new Promise<Answer>((resolve, reject) => {
    let answer: { readonly value: Answer } | undefined;
    worker.once("message", (value: Answer) => (answer = { value }));
    worker.once("error", reject);
    // Not before it has given its memory back.
    worker.once("exit", () =>
      answer === undefined
        ? reject(new Error("Cannot verify the file: the thread ended early"))
        : resolve(answer.value),
    );
  }).finally(() => clearTimeout(timer));
}

/**
 * Lets the other threads of this machine go first, from now on; for a thread that {@link runAside} started. Linux counts
 * niceness by thread (setpriority(2), "C library/kernel differences"); elsewhere it would be the process's.
 */
export function giveWay(): void {
  if (process.platform === "linux") {
    try {
      setPriority(Math.min(19, getPriority() + nicer));
    } catch {
      // Forbidden by a filter of system calls, say: as soon as the others, then.
    }
  }
}
