/** What a plugin of qpsmtpd becomes here. The tables of this folder hold one for each; docs/from-qpsmtpd.md is printed from them. */
import type { ListEntry } from "../files/list-reader.ts";
import type { Arguments } from "./arguments.ts";

/** Settings by their keys, as TOML values. */
export type Values = Readonly<Record<string, unknown>>;

/** A line of config/plugins. */
export interface PluginLine {
  readonly args: Arguments;
  /** Whether the plugin is that of qpsmtpd 0.94 rather than of 0.40: some decide otherwise. */
  readonly isModern: boolean;
  /** Entries of a list file of the configuration; none if it is missing. */
  readonly entries: (name: string) => readonly ListEntry[];
}

export type Becoming =
  | { readonly kind: "check"; readonly check: string; readonly values?: (line: PluginLine) => Values }
  | {
      readonly kind: "setting";
      readonly section: string;
      readonly keys: readonly string[];
      readonly values?: (line: PluginLine) => Values;
    }
  /** Something else does it, or nobody has to. */
  | { readonly kind: "means" }
  | { readonly kind: "nothing" };

/** One plugin, under all names that it had. */
export interface Plugin {
  /** As in config/plugins, without the folder in front; the first is shown. */
  readonly names: readonly string[];
  readonly becomes: Becoming;
  /** How, or why not: whole sentences, for the page and for the comment in the written file. */
  readonly here: string;
}

/** A check of the same list files. */
export function toCheck(check: string, values?: (line: PluginLine) => Values): Becoming {
  return { kind: "check", check, ...(values === undefined ? {} : { values }) };
}

/** Settings. Without `values` the administrator has to write them. */
export function toSetting(section: string, keys: readonly string[], values?: (line: PluginLine) => Values): Becoming {
  return { kind: "setting", section, keys, ...(values === undefined ? {} : { values }) };
}

export const means: Becoming = { kind: "means" };
export const nothing: Becoming = { kind: "nothing" };
