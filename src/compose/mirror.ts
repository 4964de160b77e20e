/** The lists of `[control] urls`. */
import type { Settings } from "../config/sections.ts";
import type { Log } from "../report/log.ts";
import { isFirstWorker } from "../state/worker-index.ts";
import { ListMirror } from "../transfer/list-mirror.ts";
import { readAuthorities } from "./next-hops.ts";

/** Begins to fetch in the next turn; one of several workers does so, and all read what it keeps. @throws FileFault if ca_file names no certificates */
export function createMirror({ control }: Settings, log: Log): ListMirror {
  const { urls, cache, ca_file: file, http_ttl: interval, timeout } = control;
  const authorities = file === "" ? undefined : readAuthorities(file, "[control]");
  const mirror = new ListMirror({ urls, folder: cache, authorities, interval, timeout, log });
  if (isFirstWorker()) {
    mirror.start();
  }
  return mirror;
}
