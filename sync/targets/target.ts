/** Where a published snapshot is pushed to: `[[publish]]`. */
import type { PublishSettings } from "../../src/config/schema.ts";
import { readAccess } from "../../src/transfer/access.ts";
import { parsePlace } from "../../src/config/place.ts";
import { runCommand } from "./command.ts";
import { copyToFolder } from "./folder.ts";
import { upload } from "./upload.ts";

/** One target, ready. */
export interface Target {
  readonly name: string;
  /** Pushes the file. @throws Error that says what failed; the target then has the previous file */
  send(path: string, signal: AbortSignal): Promise<void>;
}

/**
 * A target.
 * @param folder of the configuration file
 * @throws Error if the settings name no target, or a file that cannot be read
 */
export function createTarget(settings: PublishSettings, folder: string): Target {
  const { name, to, command, timeout } = settings;
  const within = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  if (command.length > 0) {
    return { name, send: (path, signal) => runCommand(command, path, within(signal)) };
  }
  const place = parsePlace({ ...settings, url: to });
  if (place === undefined) {
    return { name, send: (path) => copyToFolder(path, to) };
  }
  const access = readAccess(settings, folder);
  return { name, send: (path, signal) => upload(path, place, access, within(signal)) };
}
