/**
 * What a configuration may say but hardly means: the warnings of `config check`, logged by the relay at start and reload.
 * Everything here is a pure function of the settings; what needs files is in src/compose/warnings.ts.
 */
import { canaryWarnings } from "./canary-warnings.ts";
import { domainWarnings, ownDomainWarnings } from "./domain-warnings.ts";
import { effectWarnings } from "./effect-warnings.ts";
import { lookupWarnings } from "./lookup-faults.ts";
import { tlsNameWarnings } from "./route-warnings.ts";
import { orderWarnings } from "./order-warnings.ts";
import { scoreWarnings } from "./score-warnings.ts";
import { stateUrlWarnings } from "./state-faults.ts";
import type { Settings } from "./sections.ts";
import { webWarnings } from "./web-faults.ts";
import type { FindWarnings, Warning } from "./warning.ts";

/** To add a warning, write a function of this form in a file of its own and name it here. */
const finders: readonly FindWarnings[] = [
  domainWarnings,
  ownDomainWarnings,
  tlsNameWarnings,
  scoreWarnings,
  orderWarnings,
  effectWarnings,
  lookupWarnings,
  canaryWarnings,
  webWarnings,
  stateUrlWarnings,
];

/** Every suspicious setting. */
export function settingWarnings(settings: Settings): Warning[] {
  return finders.flatMap((find) => find(settings));
}
