/** `[sync] traffic` at work: where the sync reads who gets mail, under which secret, and by what it judges. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import type { SourceSettings } from "../config/schema.ts";
import type { Settings } from "../config/sections.ts";
import { secretPath } from "../files/credentials.ts";
import type { Domains } from "../mail/domains.ts";
import { version } from "../ops/version.ts";
import { errorCode } from "../report/error-message.ts";
import { createKeyedForm } from "../snapshot/keyed.ts";
import { readOwnSecret } from "../traffic/secret.ts";
import { textFile } from "../traffic/text.ts";
import type { TextAccess } from "../transfer/text.ts";
import type { TrafficOptions } from "../../sync/traffic/options.ts";
import { recipientsOf } from "./own-domains.ts";
import { namedSecret } from "./traffic.ts";

/** Undefined: the guard is switched off. @param folder of the configuration file */
export function trafficOptions(settings: Settings, folder: string, domains: Domains): TrafficOptions | undefined {
  const { guard, sync } = settings;
  return guard.traffic
    ? {
        places: () => placesOf(settings, folder),
        recipientsOf: (asked) => recipientsOf(settings, asked, domains),
        settings: fingerprintOf(settings),
        maxLoss: sync.max_traffic_loss,
        maxActive: sync.max_active_loss,
      }
    : undefined;
}

function placesOf(settings: Settings, folder: string): ReturnType<TrafficOptions["places"]> {
  const { guard, sync, recipients } = settings;
  const named = sync.traffic.length > 0;
  if (!named && guard.traffic_folder === "") {
    return undefined;
  }
  const secret = namedSecret(settings) ?? relaySecret(guard.traffic_folder, named);
  if (secret === undefined) {
    return undefined;
  }
  const form = createKeyedForm(secret, recipients.match);
  const places = named ? sync.traffic : [textFile(guard.traffic_folder)];
  const from = {
    places: places.map((place) => resolvePlace(place, folder)),
    ...relayAccess(settings, folder),
    mark: form.mark,
    named,
  };
  return { from, form };
}

const resolvePlace = (place: string, folder: string): string =>
  /^https?:/i.test(place) ? place : resolve(folder, place);

/** How relays are asked by HTTP. @throws Error if a file cannot be read */
export function relayAccess({ sync }: Settings, folder: string): TextAccess {
  const [token = ""] = sync.traffic_token_file === "" ? [] : read(sync.traffic_token_file, folder).split(/\r?\n/, 1);
  return {
    token: token.trim(),
    ca: sync.traffic_ca_file === "" ? undefined : read(sync.traffic_ca_file, folder),
  };
}

/** Where relays hand over what they were asked for and do not know. */
export function askedPlaces({ recipients, sync }: Settings, folder: string): string[] {
  const own = recipients.asked_file === "" ? [] : [recipients.asked_file];
  return [...own, ...sync.asked.map((place) => resolvePlace(place, folder))];
}

function read(name: string, folder: string): string {
  return readFileSync(secretPath(name, folder), "utf8");
}

/** Where no relay has made one, there is no traffic either. @throws Error if somebody asked for it */
function relaySecret(folder: string, named: boolean): string | undefined {
  try {
    return readOwnSecret(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT" && !named) {
      return undefined;
    }
    throw new Error(
      `[sync] traffic needs the secret of the relay's hashes: [snapshot] key_file, [guard] key_file, or traffic.key in "${folder}"`,
      { cause: error },
    );
  }
}

/** Settings of a source that say how it is asked, and not for what. */
const howOnly: ReadonlySet<string> = new Set<keyof SourceSettings>([
  ...(["timeout", "page_size", "password_file", "ca_file", "next_hop", "live_filter", "changes"] as const),
]);

/** What decides which entries become recipients: another value may lose some of them without the directory's doing. */
function fingerprintOf({ source, domains, recipients, domain }: Settings): string {
  const asked = source.map((one) => Object.entries(one).filter(([key]) => !howOnly.has(key)));
  const own = domain.map(({ name, match, catch_all }) => ({ name, match, catch_all }));
  const { match, catch_all } = recipients;
  const parts = { asked, domains, match, catch_all, own, version };
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}
