/**
 * Where a file with a secret is: systemd's LoadCredential hands files over by name, in a folder that
 * $CREDENTIALS_DIRECTORY names.
 */
import { existsSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";

/** That folder; undefined where systemd gives none. */
function credentialsFolder(): string | undefined {
  const folder = process.env["CREDENTIALS_DIRECTORY"];
  return folder === "" ? undefined : folder;
}

/**
 * Where a file is looked for, in this order: among the credentials, then in a folder. An absolute name is a path.
 * @param credentials in place of systemd's folder
 */
export function secretPlaces(name: string, folder: string, credentials = credentialsFolder()): readonly string[] {
  if (isAbsolute(name)) {
    return [name];
  }
  return [...(credentials === undefined ? [] : [join(credentials, name)]), join(folder, name)];
}

/** The first of these places where there is a file, else the last. */
export function secretPath(name: string, folder: string, credentials?: string): string {
  const places = secretPlaces(name, folder, credentials);
  return places.find((place) => existsSync(place)) ?? places.at(-1) ?? name;
}

/** The credential with the last name of an absolute path; undefined if there is none. */
export function credentialFor(path: string): string | undefined {
  const folder = path === "" ? undefined : credentialsFolder();
  const given = folder === undefined ? undefined : join(folder, basename(path));
  return given !== undefined && given !== path && existsSync(given) ? given : undefined;
}
