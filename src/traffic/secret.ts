/** The secret of the hashes where no setting names one: made once, in the folder of the traffic. */
import { randomBytes } from "node:crypto";
import { closeSync, fchmodSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

import { errorCode } from "../report/error-message.ts";
import { parseSecret } from "../snapshot/keyed.ts";

/** The file with it. */
export function secretFile(folder: string): string {
  return join(folder, "traffic.key");
}

/** The secret, 64 hex digits; made if there is none. @throws what the file system throws, Error if the file holds none */
export function ownSecret(folder: string): string {
  const path = secretFile(folder);
  try {
    return readOwnSecret(folder);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") {
      throw error;
    }
  }
  const temporary = `${path}.${process.pid}.new`;
  rmSync(temporary, { force: true });
  const file = openSync(temporary, "wx", 0o600);
  try {
    // Readable for the group, whatever the umask: the sync reads it there.
    fchmodSync(file, 0o640);
    writeSync(file, `${randomBytes(32).toString("hex")}\n`);
    fsyncSync(file);
    // Linked, not renamed: of several workers the first one wins.
    linkSync(temporary, path);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") {
      throw error;
    }
  } finally {
    closeSync(file);
    rmSync(temporary, { force: true });
  }
  return readOwnSecret(folder);
}

/** The secret that a relay made. @throws what the file system throws, Error if the file holds none */
export function readOwnSecret(folder: string): string {
  const path = secretFile(folder);
  const secret = parseSecret(readFileSync(path, "utf8"));
  if (secret === undefined) {
    throw new Error(`"${path}" does not hold 64 hex digits`);
  }
  return secret;
}
