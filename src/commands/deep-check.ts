/** What only shows when the files behind a configuration are read as `serve` and `sync` would read them. */
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";

import { resolvePath } from "../config/load.ts";
import type { Loaded } from "../config/load.ts";
import type { Settings } from "../config/sections.ts";
import { formatFault } from "../config/toml.ts";
import { createDomains } from "../mail/domains.ts";
import { silentLog } from "../mail/log.ts";
import { readTls } from "./certificates.ts";
import { FileFault } from "./file-fault.ts";
import { listenersOf, readRules } from "./relay.ts";

type Good = Extract<Loaded, { kind: "ok" }>;

/** Every fault in client rules, certificates and sources, one line each. Connects to nothing. */
export async function deepFaults(file: string, { settings, given }: Good): Promise<string[]> {
  const at = (path: readonly PropertyKey[], message: string): string =>
    formatFault({ file, ...given.position(path), key: path.map(String).join("."), message });
  const rules = [...new Set(listenersOf(settings).map((listener) => listener.rules))];
  return [
    ...rules.flatMap((path) => faultsOf(() => readRules(path, silentLog))),
    ...faultsOf(() => readTls(settings, silentLog)).map((message) => at(["tls"], message)),
    ...(await sourceFaults(file, settings, at)),
  ];
}

/** The lines of a file's faults. */
function faultsOf(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof FileFault) {
      return error.message.split("\n");
    }
    throw error;
  }
}

async function sourceFaults(
  file: string,
  { source, domains }: Settings,
  at: (path: readonly PropertyKey[], message: string) => string,
): Promise<string[]> {
  // The sync's code is loaded only here: nothing of the relay may need it.
  const { openSource } = await import("../../sync/sources/open.ts");
  const own = createDomains(domains.relay, domains.aliases);
  return source.flatMap((each, i) => {
    try {
      openSource(each, own, dirname(file));
    } catch (error) {
      if (error instanceof RangeError) {
        return [at(["source", i], error.message)];
      }
      throw error;
    }
    return each.type === "ldap"
      ? []
      : each.url.flatMap((path, j) => unreadable(path, ["source", i, "url", j], file, at));
  });
}

function unreadable(
  path: string,
  place: readonly PropertyKey[],
  file: string,
  at: (path: readonly PropertyKey[], message: string) => string,
): string[] {
  try {
    accessSync(resolvePath(file, path), constants.R_OK);
    return [];
  } catch (error) {
    return [at(place, `"${path}" cannot be read: ${(error as NodeJS.ErrnoException).code}; allowed: a readable file`)];
  }
}
