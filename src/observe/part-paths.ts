/** A file that each worker writes one of its own of. */
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The file of a single process, and those of workers. */
export function partPaths(file: string): string[] {
  if (file === "") {
    return [];
  }
  const prefix = `${basename(file)}.`;
  let names: string[] = [];
  try {
    names = readdirSync(dirname(file)).filter(
      (name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)),
    );
  } catch {
    // No folder: then there is no file either.
  }
  return [file, ...names.map((name) => join(dirname(file), name))];
}
