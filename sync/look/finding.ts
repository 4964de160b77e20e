/** What a look at a source found. */
import type { SourceSettings } from "../../src/config/schema.ts";
import type { LeftOut } from "../left-out.ts";
import type { RootDse } from "../sources/root-dse.ts";
import type { Unasked } from "../sources/unasked.ts";

/** One entry, with what it would give. */
export interface Sample {
  readonly entry: string;
  /** Keys with their kinds. */
  readonly gives: readonly string[];
  /** Values that gave none. */
  readonly left: readonly LeftOut[];
}

/** What was read, as far as it came. */
export interface Reading {
  entries: number;
  addresses: number;
  readonly classes: Map<string, number>;
  /** Address attributes of the preset → entries that have one; none in a list. */
  readonly attributes: Map<string, number>;
  /** Attributes that were not asked for, and came: the server calls something by another name. Bounded. */
  readonly others: Map<string, number>;
  /** Of classes that the preset does not ask for; undefined: not looked for. */
  unasked?: Unasked;
  /** Values that gave no address, by why. */
  readonly skipped: Record<string, number>;
  /** The same values themselves. Bounded. */
  readonly left: LeftOut[];
  /** Domains that are not relay domains, as the source writes them → values. Bounded. */
  readonly foreign: Map<string, number>;
  /** What the source itself warns of. */
  readonly hints: string[];
  samples: Sample[];
  /** Why it ended too early; "" if it did not. */
  fault: string;
}

/** The whole finding. */
export interface Finding {
  readonly source: string;
  readonly preset: SourceSettings["preset"];
  readonly guess: SourceSettings["preset"] | undefined;
  readonly rootDse: RootDse;
  readonly reading: Reading;
  readonly warnings: readonly string[];
}
