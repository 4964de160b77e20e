/** Which of the attributes that a server is asked for came at all, and under which other names: noted as entries pass. */
import type { Rules } from "../convert/addresses.ts";
import { type Entry, valuesOf } from "../entry.ts";

/** Entries whose other attributes are looked at: what a server calls by another name, it calls so everywhere. */
const looked = 1000;
/** Names that are kept. */
const maxOthers = 100;

/** The attributes seen in a reading. */
export interface Sightings {
  /** Address attributes of the preset that no entry had so far. */
  readonly missing: ReadonlySet<string>;
  /** Attributes that were not asked for. */
  readonly others: ReadonlySet<string>;
  note(entries: readonly Entry[]): void;
  /** Object classes, each counted once: converting the entries has noted their names. */
  classes(): ReadonlyMap<string, number>;
}

/** None so far. @param asked names of attributes, of whatever case */
export function createSightings(rules: Rules, asked: readonly string[]): Sightings {
  const missing = new Set(rules.preset.addresses.map(({ attribute }) => attribute));
  const known = new Set(asked.map((name) => name.toLowerCase()));
  const others = new Set<string>();
  let entries = 0;
  const noteOthers = ({ attributes }: Entry): void => {
    for (const name of attributes.keys()) {
      if (!known.has(name) && others.size < maxOthers) {
        others.add(name);
      }
    }
  };
  return {
    missing,
    others,
    classes: () => new Map([...rules.kinds.keys()].map((name) => [name, 1])),
    note(batch) {
      for (const entry of batch) {
        for (const attribute of missing) {
          if (valuesOf(entry, attribute).length > 0) {
            missing.delete(attribute);
          }
        }
        if (entries < looked) {
          entries += 1;
          noteOthers(entry);
        }
      }
    },
  };
}
