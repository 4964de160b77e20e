/** The folders of an old configuration, and their files. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

import { Cdb } from "../files/cdb.ts";
import { errorMessage } from "../report/error-message.ts";
import { readList } from "../files/list-reader.ts";
import type { ListEntry } from "../files/list-reader.ts";

/** Where qpsmtpd or qmail keeps its files; the first folder that has one counts, as in qpsmtpd. */
export interface OldFolder {
  readonly folders: readonly string[];
  /** None if it is missing or cannot be read. */
  entries(name: string): readonly ListEntry[];
  /** The same of a file without which there is nothing to import. @throws NothingThere if it cannot be read */
  needed(name: string): readonly ListEntry[];
  /** The keys of a cdb; none where it is missing, or is none. */
  keys(name: string): readonly string[];
  has(name: string): boolean;
  /** Names of all plain files. */
  names(): string[];
  /** What could not be read, as `path: why`. */
  readonly faults: string[];
}

/** Why there is nothing to import. */
export class NothingThere extends Error {}

/** See {@link OldFolder}. */
export function openFolder(folders: readonly string[]): OldFolder {
  const faults: string[] = [];
  const read = new Map<string, readonly ListEntry[]>();
  const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return {
    folders,
    faults,
    has: (name) => folders.some((folder) => isFile(join(folder, name))),
    entries(name) {
      const known = read.get(name) ?? readOnce(name, folders, faults);
      read.set(name, known);
      return known;
    },
    keys: (name) => keysOf(folders.map((folder) => join(folder, name)).find(isFile), faults),
    needed(name) {
      try {
        return readList(name, folders).entries;
      } catch (error) {
        throw new NothingThere(errorMessage(error));
      }
    },
    names: () =>
      [...new Set(folders.flatMap((folder) => readdirSync(folder).filter((name) => isFile(join(folder, name)))))]
        .filter((name) => !name.startsWith("."))
        .toSorted(),
  };
}

function readOnce(name: string, folders: readonly string[], faults: string[]): readonly ListEntry[] {
  try {
    const list = readList(name, folders);
    faults.push(...list.faults);
    return list.entries;
  } catch (error) {
    faults.push(`${name}: ${errorMessage(error)}`);
    return [];
  }
}

function keysOf(path: string | undefined, faults: string[]): readonly string[] {
  if (path === undefined) {
    return [];
  }
  try {
    return [...new Cdb(readFileSync(path)).records()].map(({ key }) => key);
  } catch (error) {
    faults.push(`${path}: ${errorMessage(error)}`);
    return [];
  }
}

/** qpsmtpd's folder: with `config/`, or flat as Debian's /etc/qpsmtpd. @throws NothingThere */
export function qpsmtpdFolder(path: string): { readonly folder: string; readonly isFlat: boolean } {
  const folder = resolve(path);
  const isFile = (name: string): boolean => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true;
  if (isFile("config/plugins")) {
    return { folder: join(folder, "config"), isFlat: false };
  }
  if (isFile("plugins")) {
    return { folder, isFlat: true };
  }
  throw new NothingThere(`"${path}" has neither config/plugins nor plugins: it is not a configuration of qpsmtpd`);
}

/** qmail's control folder: itself, or below /var/qmail. @throws NothingThere */
export function qmailFolder(path: string): string {
  const folder = resolve(path);
  const candidates = [join(folder, "control"), folder];
  const found = candidates.find((one) => ["me", "rcpthosts"].some((name) => existsSync(join(one, name))));
  if (found === undefined) {
    throw new NothingThere(`"${path}" has neither me nor rcpthosts: it is not a control folder of qmail`);
  }
  return found;
}
