/** Proxies that may relay: whoever they speak for without saying so may relay, too. */
import { readFileSync } from "node:fs";

import { parseClientRules } from "../clients/tcprules.ts";
import type { ClientRules } from "../clients/tcprules.ts";
import { listenersOf } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";

const keys = ["proxy_from", "xclient_from"] as const;

/** A warning for each key of a listener that names a client with RELAYCLIENT. */
export function proxyWarnings(settings: Settings): readonly Warning[] {
  return listenersOf(settings).flatMap((listener, nth) =>
    keys.flatMap((key) => {
      if (listener[key].length === 0) {
        return [];
      }
      const rules = rulesOf(listener.rules);
      const trusted = listener[key].find((entry) => "RELAYCLIENT" in listener.variables || mayRelay(rules, entry));
      const message = `"${trusted}" has RELAYCLIENT by the client rules or variables of this listener: a connection for which it names no client may relay anywhere`;
      return trusted === undefined ? [] : [{ path: ["listener", nth, key], message }];
    }),
  );
}

/** A file that cannot be read is reported elsewhere, as an error. */
function rulesOf(path: string): ClientRules | undefined {
  try {
    return path === "" ? undefined : parseClientRules(readFileSync(path, "utf8"), path).rules;
  } catch {
    return undefined;
  }
}

/** Of a block, its first address is asked for. */
function mayRelay(rules: ClientRules | undefined, entry: string): boolean {
  const [ip = ""] = entry.split("/");
  const verdict = rules?.find({ ip });
  return verdict?.kind === "allow" && verdict.variables.has("RELAYCLIENT");
}
