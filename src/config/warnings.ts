/**
 * What a configuration may say but hardly means: the warnings of `config check`, logged by the relay at start and reload.
 * Everything here is a pure function of the settings; what needs files is in src/compose/warnings.ts.
 */
import { domainWarnings } from "./domain-warnings.ts";
import type { Settings } from "./sections.ts";

/** One suspicious setting. */
export interface Warning {
  /** Where it is, as in ["route", 0, "next_hop"]; the nearest key that the file has gives line and column. */
  readonly path: readonly PropertyKey[];
  /** What will happen, and what to write instead. */
  readonly message: string;
}

/** Looks at one aspect of the settings. */
export type FindWarnings = (settings: Settings) => readonly Warning[];

/** To add a warning, write a function of this form in a file of its own and name it here. */
const finders: readonly FindWarnings[] = [domainWarnings];

/** Every suspicious setting. */
export function settingWarnings(settings: Settings): Warning[] {
  return finders.flatMap((find) => find(settings));
}
