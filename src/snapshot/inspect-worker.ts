/** A worker thread that inspects one snapshot's bytes, so that the sessions do not wait, and hands them back. */
import { parentPort, workerData } from "node:worker_threads";

import { giveWay } from "./aside.ts";
import { inspectBytes } from "./inspect.ts";
import type { Flawed } from "./inspect.ts";
import type { Trust } from "./trust.ts";

/** What the thread answers: the bytes come back, unless they are of no use. */
export interface Inspected {
  readonly flaw: Flawed | undefined;
  readonly bytes: ArrayBuffer | undefined;
}

giveWay();
const { bytes, trust }: { readonly bytes: ArrayBuffer; readonly trust: Trust } = workerData;
const flaw = inspectBytes(Buffer.from(bytes), trust);
const answer: Inspected = { flaw, bytes: flaw === undefined ? bytes : undefined };
parentPort?.postMessage(answer, flaw === undefined ? [bytes] : []);
