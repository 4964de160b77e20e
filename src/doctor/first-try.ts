/** Tries the directory and the mail server of a first configuration. */
import { hostname } from "node:os";

import { probeSource } from "../../sync/look/probe.ts";
import { takesCatchAlls } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import { createDomains } from "../mail/domains.ts";
import { lookAtHop } from "./hop-look.ts";

/** ms: what a look at the directory may take. */
const patience = 120_000;

/** What both said. */
export interface FirstLook {
  /** Whether both answered. */
  readonly isWell: boolean;
  readonly lines: readonly string[];
}

/** Asks both, and changes nothing. @param folder of the configuration @param domain one whose mail comes here */
export async function tryFirst(settings: Settings, folder: string, domain: string): Promise<FirstLook> {
  const [source] = settings.source;
  const [hop] = settings.route;
  if (source === undefined || hop === undefined) {
    throw new Error("a first configuration has a source and a route");
  }
  const relay = createDomains(settings.domains.relay, settings.domains.aliases);
  const signal = AbortSignal.timeout(patience);
  const [{ reading, warnings }, server] = await Promise.all([
    probeSource(source, relay, folder, signal, takesCatchAlls(settings)),
    tryHop(hop.next_hop[0] ?? "", domain),
  ]);
  const directory =
    reading.fault === ""
      ? [`${reading.entries} entries, ${reading.addresses} addresses`, ...warnings.map((text) => `warning: ${text}`)]
      : [reading.fault];
  return {
    isWell: server.isWell && reading.fault === "",
    lines: [...directory.map((text) => `directory: ${text}`), ...server.lines],
  };
}

async function tryHop(place: string, domain: string): Promise<FirstLook> {
  const look = await lookAtHop(place, hostname(), domain);
  if (look === undefined) {
    return { isWell: true, lines: [] };
  }
  if (look.kind === "silent") {
    return { isWell: false, lines: [`mail server: ${look.why}`] };
  }
  const what = look.code >= 500 ? "refuses unknown recipients itself" : `answers ${look.code} to an unknown recipient`;
  return { isWell: true, lines: [`mail server: answers, and ${what}`] };
}
