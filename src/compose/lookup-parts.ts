/** What `[[lookup]]` services share with the relay; made when one of them is asked for the first time. */
import { readFileSync } from "node:fs";

import type { Settings } from "../config/sections.ts";
import { credentialFor } from "../files/credentials.ts";
import type { Services } from "../hooks/services.ts";
import type { LookupService } from "../lookup/verdict.ts";
import type { ScannerPlaces } from "../scanners/scanners.ts";
import { readRules } from "./client-rules.ts";
import { buildPipeline } from "./pipeline.ts";
import { readTokens } from "./tokens.ts";
import { lookupChecks } from "./would-answer.ts";
import type { Courier } from "../mail/courier.ts";

/** What all lookups share; each has its name beside. */
export type SharedLookup = Omit<LookupService, "name" | "untold">;

/** What one configuration gives to lookups. */
export interface LookupParts {
  /** Bearer tokens by the name of the lookup that wants one. */
  readonly tokens: ReadonlyMap<string, string>;
  /** Made at the first call. */
  shared(): SharedLookup;
}

/** What the relay has made already. */
interface Base
  extends
    Omit<Services, "label" | "lists" | "scanner">,
    Pick<
      LookupService,
      | "idn"
      | "counters"
      | "snapshot"
      | "harvest"
      | "relayLists"
      | "observer"
      | "traffic"
      | "record"
      | "trafficFile"
      | "askedFile"
    > {
  readonly scanners: ScannerPlaces;
  readonly want: (name: string) => void;
  readonly courier: Courier;
}

/**
 * The parts for one configuration. The checks are of their own: those that answer for an address alone, as in
 * `goodmailto check`.
 * @throws FileFault if the client rules have errors, or a token cannot be read
 */
export function lookupParts(settings: Settings, base: Base): LookupParts {
  const { scanners, want, courier, ...services } = base;
  const rules = readRules(settings.clients.rules);
  const loginVariables = loginVariablesOf(settings);
  const askedFile = settings.recipients.asked_file === "" ? undefined : settings.recipients.asked_file;
  let made: SharedLookup | undefined;
  const shared = (): SharedLookup => {
    made ??= {
      ...services,
      pipeline: buildPipeline(settings, lookupChecks(settings), services, scanners, services.counters, want),
      ...{ rules, loginVariables, askedFile },
      readsUtf8: () => readsUtf8(settings, courier),
    };
    return made;
  };
  return { tokens: tokensOf(settings), shared };
}

/** Where a relay passes on nothing, the mail server that asks knows what it can pass on. */
function readsUtf8({ smtp, route, source }: Settings, courier: Courier): boolean {
  const hasHops = route.length > 0 || source.some((one) => one.next_hop.length > 0);
  return smtp.smtputf8 !== "none" && (!hasHops || courier.offered?.().smtputf8 === true);
}

function tokensOf({ lookup }: Settings): Map<string, string> {
  const asking = lookup.filter(({ protocol, token_file: file }) => protocol === "http" && file !== "");
  return new Map(asking.map(({ name, token_file: file }) => [name, readToken(file)]));
}

/** The first line: a lookup has one. */
function readToken(path: string): string {
  const [line = ""] = readFileSync(credentialFor(path) ?? path, "utf8").split("\n", 1);
  const [token] = readTokens(line, path);
  return token ?? "";
}

/** The variables of a client that has logged in at the mail server that asks. */
function loginVariablesOf({ auth }: Settings): Map<string, string> {
  const names = [...(auth.relay ? ["RELAYCLIENT"] : []), ...(auth.bypass ? ["NOGOODMAILTO"] : [])];
  return new Map(names.map((name) => [name, ""]));
}
