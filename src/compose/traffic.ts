/** `[guard] traffic` at work: the recorder of a relay process, and the secret that relay and sync share. */
import { statSync } from "node:fs";

import { ownDomains } from "../config/own-domains.ts";
import type { Settings } from "../config/sections.ts";
import type { Domains } from "../mail/domains.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import type { TrafficNotes } from "../report/traffic.ts";
import { createDelimiters, otherForms } from "../snapshot/forms.ts";
import type { SnapshotReader } from "../snapshot/reader.ts";
import type { Recipients } from "../snapshot/recipients.ts";
import { readSecret } from "../snapshot/trust.ts";
import { TrafficRecorder } from "../traffic/recorder.ts";
import type { TrafficPlace } from "../traffic/recorder.ts";
import { ownSecret } from "../traffic/secret.ts";
import { textFile } from "../traffic/text.ts";

type TrafficSettings = Pick<Settings, "guard" | "snapshot" | "recipients" | "domain">;

/** The secret that settings name; undefined: the relay's own. @throws Error that names the setting */
export function namedSecret({ guard, snapshot }: Pick<Settings, "guard" | "snapshot">): string | undefined {
  if (snapshot.key_file !== "") {
    return readSecret(snapshot.key_file);
  }
  return guard.key_file === "" ? undefined : readSecret(guard.key_file, "[guard] key_file");
}

/** Outlives a reload as long as place and secret stay the same. */
export class TrafficKeeping {
  readonly #log: Log;
  readonly #snapshot: SnapshotReader;
  #current: TrafficRecorder | undefined;

  constructor(log: Log, snapshot: SnapshotReader) {
    this.#log = log;
    this.#snapshot = snapshot;
  }

  /** Who takes note, by these settings; undefined: nobody. */
  change(settings: TrafficSettings, recipients: Recipients, domains: Domains): TrafficNotes | undefined {
    const place = this.#placeOf(settings);
    if (JSON.stringify(this.#current?.place) !== JSON.stringify(place)) {
      // What it has is written; nobody waits for it.
      void this.#current?.close();
      this.#current = place === undefined ? undefined : new TrafficRecorder(place, this.#log);
    }
    const { signed_return_paths: signed } = settings.recipients;
    const delimitersOf = createDelimiters(settings.recipients, ownDomains(settings));
    return this.#current?.notes({
      recipients,
      domains,
      formsOf: (user, domain) => [user, ...otherForms(user, delimitersOf(domain), signed)],
      list: () => (this.#snapshot.state.kind === "open" ? this.#snapshot.state.since : undefined),
    });
  }

  /** What a sync is handed; undefined: nothing. */
  get file(): string | undefined {
    const folder = this.#current?.place.folder;
    return folder === undefined ? undefined : textFile(folder);
  }

  async close(): Promise<void> {
    await this.#current?.close();
    this.#current = undefined;
  }

  /** A folder that is missing is how to live without: the default is made by systemd alone. */
  #placeOf(settings: TrafficSettings): TrafficPlace | undefined {
    const { traffic, traffic_folder: folder } = settings.guard;
    if (!traffic || folder === "" || statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      return undefined;
    }
    try {
      return { folder, secret: namedSecret(settings) ?? ownSecret(folder), match: settings.recipients.match };
    } catch (error) {
      this.#log.error("traffic", "cannot remember who gets mail", { folder, why: errorMessage(error) });
      return undefined;
    }
  }
}
