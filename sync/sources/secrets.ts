/** Reads what a source needs from files: the password, CA certificates. Read at each run, so that a new one counts. */
import { readFile, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

import { secretPlaces } from "../../src/files/credentials.ts";
import { refuseAuthorities } from "../../src/files/authorities.ts";
import { SourceFault } from "../source.ts";

/** A password or a bundle of certificates is far smaller; the system's bundle has some 250 kB. */
const maxFile = 4 * 1024 * 1024;

/**
 * The first line of a password file. A relative name is looked for among systemd's credentials first, then beside the
 * configuration file.
 * @throws SourceFault "unreadable"; "bind" if it is empty: a server takes a name without a password for anonymous and
 * says success (RFC 4513 5.1.2)
 */
export async function readPassword(name: string, folder: string, credentials?: string): Promise<string> {
  const line = await firstLine("password_file", name, folder, credentials);
  if (line === "") {
    throw new SourceFault(
      "bind",
      `The first line of password_file "${name}" is empty: a bind without a password proves nothing`,
    );
  }
  return line;
}

/** The same of a secret that has nothing to do with a bind. @param key the setting, for messages */
export async function readSecret(key: string, name: string, folder: string): Promise<string> {
  const line = await firstLine(key, name, folder);
  if (line === "") {
    throw new SourceFault("unreadable", `The first line of ${key} "${name}" is empty`);
  }
  return line;
}

/** All of such a file: a key has many lines. @throws SourceFault "unreadable" */
export function readSecretText(key: string, name: string, folder: string, credentials?: string): Promise<string> {
  return readFirst(secretPlaces(name, folder, credentials), key);
}

async function firstLine(key: string, name: string, folder: string, credentials?: string): Promise<string> {
  const text = await readSecretText(key, name, folder, credentials);
  return text.replace(/^\uFEFF/, "").split(/\r?\n/, 1)[0] ?? "";
}

/**
 * The CA certificates of a file; undefined if none is named.
 * @throws SourceFault "unreadable"
 */
export async function readCertificates(name: string, folder: string): Promise<string | undefined> {
  if (name === "") {
    return undefined;
  }
  const text = await readFirst([join(isAbsolute(name) ? "" : folder, name)], "ca_file");
  const fault = refuseAuthorities(text);
  if (fault !== undefined) {
    throw new SourceFault("unreadable", `ca_file "${name}" ${fault}`);
  }
  return text;
}

async function readFirst(places: readonly string[], key: string): Promise<string> {
  let last: unknown;
  for (const place of places) {
    try {
      const { size } = await stat(place);
      if (size > maxFile) {
        throw new RangeError(`the file has more than ${maxFile} bytes`);
      }
      return await readFile(place, "utf8");
    } catch (error) {
      last = error;
      if (!isMissing(error)) {
        break;
      }
    }
  }
  const why = last instanceof Error ? last.message : "unknown";
  throw new SourceFault("unreadable", `Cannot read ${key} "${places.join('" or "')}": ${why}`, { cause: last });
}

/** Whether the file system says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
