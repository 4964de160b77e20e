/** One short text for everything that a relay loads at its start and at SIGHUP: settings, client rules and checks from outside. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { givenOf } from "../config/given-values.ts";
import { listenersOf } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";

/** Two relays of one version with the same fingerprint answer alike. Secrets in the settings cannot be read from it. */
export function fingerprintOf(settings: Settings): string {
  const hash = createHash("sha256").update(JSON.stringify(givenOf(settings)));
  const rules = listenersOf(settings).map((listener) => listener.rules);
  for (const path of new Set([...rules, ...settings.checks.load])) {
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
