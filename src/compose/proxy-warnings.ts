/** Proxies that may relay, or present others: whoever they speak for without saying so may do so, too. */
import { readFileSync } from "node:fs";

import { parseClientRules } from "../clients/tcprules.ts";
import type { ClientRules } from "../clients/tcprules.ts";
import { listenersOf } from "../config/listening.ts";
import type { ListenerPlan } from "../config/listening.ts";
import type { Settings } from "../config/sections.ts";
import type { Warning } from "../config/warning.ts";
import { readIpEntries } from "../mail/ip-entry.ts";

const keys = ["proxy_from", "xclient_from"] as const;

/** A warning for each key of a listener that names a client with RELAYCLIENT, and for a proxy that may say XCLIENT. */
export function proxyWarnings(settings: Settings): readonly Warning[] {
  return listenersOf(settings).flatMap((listener, nth) => [
    ...presenterWarnings(listener, nth),
    ...keys.flatMap((key) => {
      if (listener[key].length === 0) {
        return [];
      }
      const rules = rulesOf(listener.rules);
      const trusted = listener[key].find((entry) => "RELAYCLIENT" in listener.variables || mayRelay(rules, entry));
      const message = `"${trusted}" has RELAYCLIENT by the client rules or variables of this listener: a connection for which it names no client may relay anywhere`;
      return trusted === undefined ? [] : [{ path: ["listener", nth, key], message }];
    }),
  ]);
}

function presenterWarnings({ proxy_from: proxies, xclient_from: presenters }: ListenerPlan, nth: number): Warning[] {
  const isOne = (entries: readonly string[], entry: string): boolean =>
    readIpEntries(entries)?.find(firstOf(entry)) === true;
  const both = proxies.find((entry) => isOne(presenters, entry)) ?? presenters.find((entry) => isOne(proxies, entry));
  const message = `"${both}" is in proxy_from and in xclient_from: a connection for which it names no client may speak for any client`;
  return both === undefined ? [] : [{ path: ["listener", nth, "xclient_from"], message }];
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
function firstOf(entry: string): string {
  return entry.split("/", 1).join("");
}

function mayRelay(rules: ClientRules | undefined, entry: string): boolean {
  const verdict = rules?.find({ ip: firstOf(entry) });
  return verdict?.kind === "allow" && verdict.variables.has("RELAYCLIENT");
}
