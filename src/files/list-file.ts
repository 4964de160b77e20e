/** List files and maps that checks ask at every recipient, as they were at most a second ago; see list-reader.ts. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";

import { Cdb } from "./cdb.ts";
import { readList } from "./list-reader.ts";
import type { ListEntry, Remark } from "./list-reader.ts";
import { Watched } from "./watched.ts";

/** What is reported of a list in the log: once for each, not once a second. */
export type ListFault = (event: string, facts: { readonly path: string; readonly fault: string }) => void;

/** Where lists are looked for, and where their errors are reported. */
export interface ListPlace {
  /** The first that has the file counts, for each file. */
  readonly folders: readonly string[];
  /** ms */
  readonly now: () => number;
  readonly fault: ListFault;
}

/** A map of more bytes is a mistake. */
const maxMap = 256 * 1024 * 1024;
const keeping = "list cannot be read, keeping the previous one";

/**
 * One list, in the form that its reader wants.
 * @param name an absolute path, or a name looked for in the folders; "" is a list that is always missing
 * @param read makes the value from the entries; `skip` says why an entry is left out, `warn` why one that counts may
 * not
 *   be meant so. A missing file has none
 */
export function openList<T>(
  name: string,
  place: ListPlace,
  read: (entries: readonly ListEntry[], skip: Remark, warn: Remark) => T,
): Watched<T> {
  const { folders, now, fault } = place;
  const path = candidates(name, folders)[0] ?? name;
  let wasThere = false;
  const make = () => {
    const list = readList(name, folders);
    const faults = [...list.faults];
    const warnings: string[] = [];
    const into =
      (told: string[]): Remark =>
      (entry, why) =>
        void told.push(`${entry.path}:${entry.line}: ${why}`);
    const value = read(list.entries, into(faults), into(warnings));
    if (list.path === undefined && wasThere) {
      fault("list file is missing, nothing is refused by it", { path, fault: "ENOENT" });
    }
    wasThere = list.path !== undefined;
    for (const one of faults) {
      fault("line left out", { path: list.path ?? path, fault: one });
    }
    for (const one of warnings) {
      fault("line may not mean what it says", { path: list.path ?? path, fault: one });
    }
    return { value, looked: list.looked };
  };
  const nobody: Remark = () => undefined;
  const first = read([], nobody, nobody);
  return new Watched(first, candidates(name, folders), make, now, (why) => fault(keeping, { path, fault: why }));
}

/** The file of a map. */
export function mapFile(name: string): string {
  return name.endsWith(".cdb") ? name : `${name}.cdb`;
}

/** One cdb map, `NAME.cdb`; undefined while it is missing. */
export function openMap(name: string, { folders, now, fault }: ListPlace): Watched<Cdb | undefined> {
  const paths = candidates(mapFile(name), folders);
  const make = () => {
    const path = paths.find((one) => statSync(one, { throwIfNoEntry: false }) !== undefined);
    return { value: path === undefined ? undefined : readMap(path), looked: paths };
  };
  return new Watched<Cdb | undefined>(undefined, paths, make, now, (why) =>
    fault(keeping, { path: paths[0] ?? name, fault: why }),
  );
}

/** Where a file is that is named as a list is: the first that is there, otherwise where it is looked for first. */
export function findFile(name: string, folders: readonly string[]): string {
  const paths = candidates(name, folders);
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? "";
}

function candidates(name: string, folders: readonly string[]): readonly string[] {
  if (name === "") {
    return [];
  }
  return isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
}

function readMap(path: string): Cdb {
  const facts = statSync(path);
  if (!facts.isFile() || facts.size > maxMap) {
    throw new RangeError(`Cannot read "${path}": not a plain file of at most ${maxMap} bytes`);
  }
  return new Cdb(readFileSync(path));
}
