/** What plugins may say, and why they refuse. */
import type { Verdict } from "../hooks/verdict.ts";

/** Why plugins refuse, in the words of the log. */
export const pluginReasons = {
  plugin: "plugin",
  failure: "plugin failure",
  relaying: "relaying denied",
};
export type PluginReason = keyof typeof pluginReasons;
/** What plugins say. */
export type PluginVerdict = Verdict<PluginReason, never>;
