/** Where a published snapshot is pushed to: `[[publish]]`. */
import { createHash } from "node:crypto";

import type { PublishSettings } from "../../src/config/schema.ts";
import { readAccess } from "../../src/transfer/access.ts";
import { parsePlace } from "../../src/config/place.ts";
import { runCommand } from "./command.ts";
import { copyToFolder, lookIntoFolder } from "./folder.ts";
import { lookAtPlace, upload } from "./upload.ts";

/** One target, ready. */
export interface Target {
  readonly name: string;
  /** Of its settings: a target of this name with others is another one. */
  readonly identity: string;
  /** Pushes the file. @throws Error that says what failed; the target then has the previous file */
  send(path: string, signal: AbortSignal): Promise<void>;
  /**
   * What tells the file that is there from any other, without fetching it; "": this target cannot say.
   * @throws Error if it cannot be asked
   */
  look(path: string, signal: AbortSignal): Promise<string>;
}

/** ms for a look, where the time for a push is longer. */
const lookTimeout = 30_000;

/**
 * A target.
 * @param folder of the configuration file
 * @throws Error if the settings name no target, or a file that cannot be read
 */
export function createTarget(settings: PublishSettings, folder: string): Target {
  const { name, to, command, timeout } = settings;
  const identity = createHash("sha256").update(JSON.stringify(settings)).digest("hex");
  const within = (signal: AbortSignal, time = timeout): AbortSignal =>
    AbortSignal.any([signal, AbortSignal.timeout(time)]);
  if (command.length > 0) {
    const send: Target["send"] = (path, signal) => runCommand(command, path, within(signal));
    return { name, identity, send, look: () => Promise.resolve("") };
  }
  const place = parsePlace({ ...settings, url: to });
  if (place === undefined) {
    return { name, identity, send: (path) => copyToFolder(path, to), look: (path) => lookIntoFolder(path, to) };
  }
  const access = readAccess(settings, folder);
  return {
    name,
    identity,
    send: (path, signal) => upload(path, place, access, within(signal)),
    look: (path, signal) => lookAtPlace(path, place, access, within(signal, Math.min(timeout, lookTimeout))),
  };
}
