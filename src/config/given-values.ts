/** What the file says from which settings were read: the rest are the defaults of this version. */
import type { Settings } from "./sections.ts";

const given = new WeakMap<Settings, unknown>();

/** Notes what a file says. @param values as the schema has read them */
export function noteGiven(settings: Settings, values: unknown): void {
  given.set(settings, values);
}

/** Of settings that no file has given, the settings themselves. */
export function givenOf(settings: Settings): unknown {
  return given.get(settings) ?? settings;
}
