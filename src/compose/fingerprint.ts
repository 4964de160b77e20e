/** One short text for everything that a relay loads at its start and at SIGHUP: settings and client rules. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { listenersOf } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";

/** Two relays of one version with the same fingerprint answer alike. Secrets in the settings cannot be read from it. */
export function fingerprintOf(settings: Settings): string {
  const hash = createHash("sha256").update(JSON.stringify(settings));
  for (const path of new Set(listenersOf(settings).map(({ rules }) => rules))) {
    hash.update(`\0${path}\0`).update(path === "" ? "" : readOrNothing(path));
  }
  return hash.digest("hex");
}

function readOrNothing(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
