/** A warning about a setting: what each function that looks for them returns. */
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
