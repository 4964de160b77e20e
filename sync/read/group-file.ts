/** Groups in the order in which they come: in memory as long as there are few, then in a temporary file. */
import { closeSync, openSync, writeFileSync } from "node:fs";

import { linesOf, readGroups } from "./groups.ts";
import type { Group } from "./groups.ts";

/** Reads the file as it grows. */
export interface Follower {
  /** It has so many octets now, and no part of a group. */
  grown(file: number, size: number): void;
  /** The rows are going to be others than those in the file. */
  giveUp(): void;
}

/** Characters of rows that are kept in memory: so many that a directory of some 15,000 entries needs no file, … */
const heldSize = 1 << 20;
/** … and once there is one, as many as are written together. */
const pieceSize = 1 << 17;

/** The groups of a sync. */
export class GroupFile {
  readonly #path: string;
  readonly #follower: Follower | undefined;
  #file: number | undefined;
  #size = 0;
  #held: Group[] = [];
  #heldSize = 0;

  /** @param path where it is made once it is needed */
  constructor(path: string, follower?: Follower) {
    this.#path = path;
    this.#follower = follower;
  }

  /** @throws what writing throws (disk full) */
  add(group: Group): void {
    this.#held.push(group);
    this.#heldSize += group.members.length;
    if (this.#heldSize > (this.#file === undefined ? heldSize : pieceSize)) {
      this.#write();
    }
  }

  /** All has come: what is not in the file yet must be, if there is one. @throws as above */
  finish(): void {
    if (this.#file !== undefined && this.#held.length > 0) {
      this.#write();
    }
  }

  *read(): Generator<Group> {
    if (this.#file !== undefined) {
      yield* readGroups(this.#file, () => this.#size);
    }
    yield* this.#held;
  }

  close(): void {
    if (this.#file !== undefined) {
      closeSync(this.#file);
      this.#file = undefined;
    }
  }

  #write(): void {
    // Exclusively: a link that somebody put there is not followed.
    this.#file ??= openSync(this.#path, "wx+", 0o600);
    const lines = Buffer.from(this.#held.map(linesOf).join(""));
    writeFileSync(this.#file, lines);
    this.#size += lines.length;
    [this.#held, this.#heldSize] = [[], 0];
    this.#follower?.grown(this.#file, this.#size);
  }
}
