/** What the entries of one source are converted by: its preset, the domains that it may speak for, and its settings. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { foldAscii } from "../../src/mail/address.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import type { Entry } from "../entry.ts";
import type { Preset } from "../presets/preset.ts";
import type { Scope } from "./scope.ts";

/** Class names that are remembered. */
const maxClasses = 1000;

/** What an entry is converted by. */
export interface Rules {
  readonly preset: Preset;
  readonly scope: Scope;
  /** Which forms deliver; anything but "both" is Domino's. */
  readonly lookup: SourceSettings["lookup"];
  /** In upper case; "" is none. */
  readonly notesDomain: string;
  /** Class names as the server writes them, with what they say: a million entries have a dozen of them. */
  readonly kinds: Map<string, Kind | "none">;
  /** Shown every entry before it is converted, for `probe`. */
  readonly look?: ((entry: Entry) => void) | undefined;
  /** Whether a directory's catch-all address counts for a relay domain. */
  readonly takesCatchAll: (domain: string) => boolean;
}

/** What is beside the settings of a source. */
export type MoreRules = Partial<Pick<Rules, "look" | "takesCatchAll">>;

/** The rules of one source. */
export function createRules(
  settings: SourceSettings,
  preset: Preset,
  scope: Scope,
  { look, takesCatchAll = () => false }: MoreRules = {},
): Rules {
  const lookup = preset.name === "domino" ? settings.lookup : "both";
  const notesDomain = settings.notes_domain.trim().toUpperCase();
  return { preset, scope, lookup, notesDomain, kinds: new Map(), look, takesCatchAll };
}

/** What an object is by the names of its classes. */
export function kindOf(names: readonly string[], { preset, kinds }: Rules): Kind {
  for (const name of names) {
    let kind = kinds.get(name);
    if (kind === undefined) {
      const folded = foldAscii(name);
      kind = (Object.hasOwn(preset.classes, folded) ? preset.classes[folded] : undefined) ?? "none";
      if (kinds.size < maxClasses) {
        kinds.set(name, kind);
      }
    }
    if (kind !== "none") {
      return kind;
    }
  }
  return "account";
}
