/** Every plugin that is known, by each of its names. */
import type { Plugin } from "./plugin.ts";
import { clientPlugins } from "./plugins-client.ts";
import { envelopePlugins } from "./plugins-envelope.ts";
import { messagePlugins } from "./plugins-message.ts";
import { scannerPlugins } from "./plugins-scanners.ts";
import { restPlugins } from "./plugins-rest.ts";

export const plugins: readonly Plugin[] = [
  ...envelopePlugins,
  ...clientPlugins,
  ...messagePlugins,
  ...scannerPlugins,
  ...restPlugins,
];

const byName = new Map(plugins.flatMap((plugin) => plugin.names.map((name) => [name, plugin] as const)));

/** Finds a plugin. @param name as in config/plugins, perhaps with a folder in front */
export function findPlugin(name: string): Plugin | undefined {
  return byName.get(name.slice(name.lastIndexOf("/") + 1));
}
