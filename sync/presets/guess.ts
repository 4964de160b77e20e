/** Which preset fits a directory: each says by what it is recognised. */
import type { PresetName } from "../../src/config/preset-names.ts";
import { presets } from "./registry.ts";

/** What a server says of itself. */
export interface ServerWords {
  /** Vendor and version; "" if it hides them. */
  readonly vendor: string;
  /** Values of its root DSE that distinguish products, in lower case. */
  readonly marks: ReadonlySet<string>;
}

/**
 * The preset that fits; undefined if none can be recognised. Object classes go first: products that keep their people
 * in somebody else's directory server have only them.
 * @param classes of the entries, as written
 */
export function guessPreset({ vendor, marks }: ServerWords, classes: Iterable<string>): PresetName | undefined {
  const own = new Set([...classes].map((name) => name.toLowerCase()));
  const all = Object.values(presets);
  const fits =
    all.find(({ signs }) => signs?.classes?.some((name) => own.has(name))) ??
    all.find(({ signs }) => signs?.marks?.some((mark) => marks.has(mark)) === true || signs?.vendor?.test(vendor));
  return fits?.name;
}
