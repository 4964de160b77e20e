/** A worker thread that makes a verified copy of a snapshot file, so that the sessions do not wait. */
import { parentPort, workerData } from "node:worker_threads";

import { errorMessage } from "../report/error-message.ts";
import { giveWay } from "./aside.ts";
import { makeCopy } from "./copy.ts";
import type { Made } from "./copy.ts";
import type { Trust } from "./trust.ts";

/** What it is to do. */
export interface CopyOrder {
  readonly path: string;
  readonly folder: string;
  readonly trust: Trust;
}

/** What it answers: why there is no copy, where its folder is at fault. */
export type CopyAnswer = Made | { readonly kind: "failed"; readonly why: string };

giveWay();
const { path, folder, trust }: CopyOrder = workerData;
parentPort?.postMessage(made());

function made(): CopyAnswer {
  try {
    return makeCopy(path, folder, trust);
  } catch (error) {
    return { kind: "failed", why: errorMessage(error) };
  }
}
