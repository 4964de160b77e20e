/** Whether a server program that a test needs is installed. Missing is a visible skip, in CI a failure. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * True where the program is on neither PATH nor the system folders.
 * @throws Error in CI, where nothing may be skipped
 */
export function missing(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/local/sbin"];
  const found = folders.some((folder) => isExecutable(join(folder, program)));
  if (!found && process.env["CI"] === "true") {
    throw new Error(`Cannot find "${program}", and CI may skip nothing`);
  }
  return !found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
