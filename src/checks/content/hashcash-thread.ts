/** A worker thread that mints one stamp, so that the sessions do not wait. */
import { parentPort, workerData } from "node:worker_threads";

import { mintStamp } from "./hashcash-stamp.ts";
import type { StampOrder } from "./hashcash-stamp.ts";

// What hashcash.ts gives it.
parentPort?.postMessage(mintStamp(workerData as StampOrder));
