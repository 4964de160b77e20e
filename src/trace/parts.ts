/**
 * The files of the journal: one a day, or more where a day has much. So old events go by removing a file, without a lock
 * and without a pause, and a damaged file takes no other day with it.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { isOlder } from "./part-file.ts";

/** Times in ms, sizes in bytes. */
export interface Bounds {
  readonly keep: number;
  readonly maxSize: number;
}

/** One file. */
export interface Part {
  readonly path: string;
  /** Of the day, UTC; ms since 1970. */
  readonly begins: number;
  readonly number: number;
}

const form = /^trace-(\d{4}-\d{2}-\d{2})-(\d{3})\.sqlite$/;
const day = 86_400_000;
const mostOfDay = 999;
/** A part is so much of the whole at most: what goes at a time. */
const share = 8;

/** The parts of a folder, oldest first; none if there is no folder. @throws NodeJS.ErrnoException if it cannot be read */
export function partsIn(folder: string): Part[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return [];
    }
    throw error;
  }
  return names
    .flatMap((name) => {
      const [, date = "", number = ""] = form.exec(name) ?? [];
      const begins = Date.parse(`${date}T00:00:00Z`);
      return Number.isNaN(begins) ? [] : [{ path: join(folder, name), begins, number: Number(number) }];
    })
    .toSorted((a, b) => a.begins - b.begins || a.number - b.number);
}

function sizeOf(path: string): number {
  return ["", "-wal"].reduce((sum, end) => sum + (statSync(`${path}${end}`, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Where an event of now goes: the last part of the day, or a new one if that is full. @param now ms since 1970 */
export function currentPart(folder: string, { maxSize }: Bounds, now: number): string {
  const begins = Math.floor(now / day) * day;
  const last = partsIn(folder).findLast((part) => part.begins === begins);
  const isFull =
    last !== undefined && last.number < mostOfDay && (sizeOf(last.path) >= maxSize / share || isOlder(last.path));
  const number = last === undefined ? 1 : last.number + (isFull ? 1 : 0);
  const date = new Date(begins).toISOString().slice(0, 10);
  return join(folder, `trace-${date}-${String(number).padStart(3, "0")}.sqlite`);
}

/** Removes what is too old, and the oldest of what is too much. @param current is never removed */
export function prune(folder: string, { keep, maxSize }: Bounds, now: number, current: string): void {
  const parts = partsIn(folder).filter(({ path }) => path !== current);
  let size = parts.reduce((sum, { path }) => sum + sizeOf(path), sizeOf(current));
  for (const { path, begins } of parts) {
    const isOld = begins + day + keep <= now;
    if (isOld || size > maxSize) {
      size -= sizeOf(path);
      remove(path);
    }
  }
}

function remove(path: string): void {
  for (const end of ["", "-wal", "-shm"]) {
    rmSync(`${path}${end}`, { force: true });
  }
}
