/** A worker thread that inspects one snapshot's bytes, so that the sessions do not wait, and hands them back. */
import { parentPort, workerData } from "node:worker_threads";

import { inspectBytes } from "./image.ts";
import type { Flawed } from "./image.ts";

/** What the thread answers: the bytes come back, unless they are of no use. */
export interface Inspected {
  readonly flaw: Flawed | undefined;
  readonly bytes: ArrayBuffer | undefined;
}

const bytes = (workerData as { readonly bytes: ArrayBuffer }).bytes;
const flaw = inspectBytes(Buffer.from(bytes));
const answer: Inspected = { flaw, bytes: flaw === undefined ? bytes : undefined };
parentPort?.postMessage(answer, flaw === undefined ? [bytes] : []);
