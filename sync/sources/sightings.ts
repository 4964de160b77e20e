/** Which of the attributes that a server is asked for came at all, and under which other names: noted as entries pass. */
import type { Rules } from "../convert/rules.ts";

/** Names that are kept. */
const maxOthers = 100;

/** The attributes seen in a reading. */
export interface Sightings {
  /** Address attributes of the preset that no entry had so far. */
  readonly missing: ReadonlySet<string>;
  /** Attributes that were not asked for. */
  readonly others: ReadonlySet<string>;
  /** An attribute of an entry. @param name in lower case, without options */
  note(name: string, hasValues: boolean): void;
  /** Object classes, each counted once: converting the entries has noted their names. */
  classes(): ReadonlyMap<string, number>;
}

/** None so far. @param asked names of attributes, of whatever case */
export function createSightings(rules: Rules, asked: readonly string[]): Sightings {
  const missing = new Set(rules.preset.addresses.map(({ attribute }) => attribute));
  const known = new Set(asked.map((name) => name.toLowerCase()));
  const others = new Set<string>();
  return {
    missing,
    others,
    classes: () => new Map([...rules.kinds.keys()].map((name) => [name, 1])),
    note(name, hasValues) {
      if (hasValues) {
        missing.delete(name);
      }
      if (!known.has(name) && others.size < maxOthers) {
        others.add(name);
      }
    },
  };
}
