/** Where the first configuration and what it names are: the places of a package, or one folder that holds everything. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { defaultConfig } from "../compose/settings.ts";
import { isSystemdThere, unitFolder } from "../compose/state-place.ts";
import type { FirstPlaces } from "../config/first-file.ts";
import { userNumbers } from "../files/user.ts";
import type { UserNumbers } from "../files/user.ts";

/** Of a trial: no right is needed, and nobody else reaches it. */
const trialPlace = "127.0.0.1:2525";

/** Where everything goes, and as whom the relay runs. */
export interface Ground extends FirstPlaces {
  readonly folder: string;
  /** The relay's user, where a package or sysusers.conf has made it and this process may give files away. */
  readonly relayUser: UserNumbers | undefined;
  /** Whether units of systemd can start it. */
  readonly hasUnits: boolean;
  /** Folders that only the relay's user needs, to be made. */
  readonly folders: readonly string[];
}

/** Looks at this machine. */
export function groundOf(folder: string, isTrial: boolean): Ground {
  const user = userNumbers("goodmailto");
  const isInstalled = folder === dirname(defaultConfig) && user !== undefined;
  const hasUnits = isInstalled && isSystemdThere();
  const listen = isTrial ? trialPlace : hasUnits ? "systemd" : "*:25";
  if (!isInstalled) {
    const stateFolder = join(folder, "state");
    return {
      ...{ folder, listen, hasUnits, relayUser: undefined },
      ...{ statusFolder: "run", snapshot: "snapshot.sqlite", stateFolder },
      folders: [join(folder, "run"), stateFolder],
    };
  }
  return {
    ...{ folder, listen, hasUnits, relayUser: process.getuid?.() === 0 ? user : undefined },
    ...{ statusFolder: "", snapshot: "" },
    // systemd makes it for the unit, and names it.
    stateFolder: hasUnits && !existsSync(unitFolder) ? "" : unitFolder,
    folders: [],
  };
}
