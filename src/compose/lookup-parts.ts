/** What `[[lookup]]` services share with the relay; made when one of them is asked for the first time. */
import type { Settings } from "../config/sections.ts";
import type { Services } from "../hooks/services.ts";
import type { LookupService } from "../lookup/verdict.ts";
import type { ScannerPlaces } from "../scanners/scanners.ts";
import { readRules } from "./client-rules.ts";
import { buildPipeline } from "./pipeline.ts";
import { lookupChecks } from "./would-answer.ts";

/** What all lookups share; each has its name beside. */
export type SharedLookup = Omit<LookupService, "name" | "untold">;

/** What the relay has made already. */
interface Base
  extends
    Omit<Services, "label" | "lists" | "scanner">,
    Pick<LookupService, "idn" | "counters" | "snapshot" | "harvest" | "relayLists"> {
  readonly scanners: ScannerPlaces;
  readonly want: (name: string) => void;
}

/**
 * The parts for one configuration. The checks are of their own: those that answer for an address alone, as in
 * `goodmailto check`.
 * @throws FileFault if the client rules have errors
 */
export function lookupParts(settings: Settings, base: Base): () => SharedLookup {
  const { scanners, want, ...services } = base;
  const rules = readRules(settings.clients.rules);
  const loginVariables = loginVariablesOf(settings);
  let made: SharedLookup | undefined;
  return () => {
    made ??= {
      ...services,
      pipeline: buildPipeline(settings, lookupChecks(settings), services, scanners, services.counters, want),
      rules,
      loginVariables,
    };
    return made;
  };
}

/** The variables of a client that has logged in at the mail server that asks. */
function loginVariablesOf({ auth }: Settings): Map<string, string> {
  const names = [...(auth.relay ? ["RELAYCLIENT"] : []), ...(auth.bypass ? ["NOGOODMAILTO"] : [])];
  return new Map(names.map((name) => [name, ""]));
}
