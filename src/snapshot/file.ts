/** Reads a snapshot file into memory, and judges it: in place, or in a thread if it is large. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { open } from "node:fs/promises";

import { runAside } from "./aside.ts";
import { inspectBytes } from "./inspect.ts";
import type { Flaw, Flawed } from "./inspect.ts";
import type { Inspected } from "./inspect-worker.ts";
import { plainTrust } from "./trust.ts";
import type { Trust } from "./trust.ts";
import { errorMessage } from "../report/error-message.ts";

/** A file's bytes, found good, or what is wrong with it. `id` is undefined if it must be read again anyway. */
export type FileReading = { readonly kind: "good"; readonly id: string; readonly bytes: Buffer } | FlawedReading;

export interface FlawedReading {
  readonly kind: "flawed";
  readonly id: string | undefined;
  readonly flaw: Flawed;
}

/** What is at a path; `id` changes whenever the file, its bytes or its permissions may have changed. */
export type Seen = SeenFile | { readonly kind: "missing" | "unreadable" };

/** Something is there. */
export interface SeenFile {
  readonly kind: "file";
  readonly id: string;
  readonly size: number;
}

/** About 20 million recipients; more is not a snapshot, and Node reads no more in one piece. */
const maxSize = 2_000_000_000n;
/** From so many bytes on, a file takes more than 20 ms to judge: a thread does it, and processes share one copy. */
export const largeFile = 8_000_000;
/** A FIFO at the path must not block the process. */
export const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/** Looks at the path without opening it. */
export function statSnapshot(path: string): Seen {
  try {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? { kind: "missing" } : { kind: "file", id: identify(stats), size: Number(stats.size) };
  } catch {
    return { kind: "unreadable" };
  }
}

/** Changes whenever the file, its bytes or its permissions may have changed. */
export function identify({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** Reads and judges at once: for the start and for commands. */
export function readSnapshotNow(path: string, trust: Trust = plainTrust): FileReading {
  let file: number | undefined;
  try {
    file = openSync(path, openFlags);
    const stats = fstatSync(file, { bigint: true });
    const refusal = refuseSize(stats);
    if (refusal !== undefined) {
      return refusal;
    }
    const bytes = Buffer.allocUnsafeSlow(Number(stats.size));
    let at = 0;
    for (let count = -1; at < bytes.length && count !== 0; at += count) {
      count = readSync(file, bytes, at, bytes.length - at, at);
    }
    const read = bytes.subarray(0, at);
    return judge(identify(stats), read, inspectBytes(read, trust));
  } catch (error) {
    return unreadable(error);
  } finally {
    if (file !== undefined) {
      closeSync(file);
    }
  }
}

/**
 * Reads and judges without making the sessions wait.
 * @param threadAbove bytes from which on a thread inspects
 */
export async function readSnapshot(path: string, threadAbove: number, trust: Trust = plainTrust): Promise<FileReading> {
  try {
    await using file = await open(path, openFlags);
    const stats = await file.stat({ bigint: true });
    const refusal = refuseSize(stats);
    if (refusal !== undefined) {
      return refusal;
    }
    const bytes = Buffer.allocUnsafeSlow(Number(stats.size));
    let at = 0;
    for (let count = -1; at < bytes.length && count !== 0; at += count) {
      count = (await file.read(bytes, at, bytes.length - at, at)).bytesRead;
    }
    if (at < bytes.length || bytes.length < threadAbove) {
      const read = bytes.subarray(0, at);
      return judge(identify(stats), read, inspectBytes(read, trust));
    }
    const { flaw, bytes: back } = await inspectInThread(bytes, trust);
    return judge(identify(stats), back === undefined ? bytes : Buffer.from(back), flaw);
  } catch (error) {
    return unreadable(error);
  }
}

function judge(id: string, bytes: Buffer, flaw: Flawed | undefined): FileReading {
  return flaw === undefined ? { kind: "good", id, bytes } : { kind: "flawed", id, flaw };
}

/** Why a file is not even looked at. */
export function refuseSize(stats: BigIntStats): FlawedReading | undefined {
  if (stats.isFile() && stats.size <= maxSize) {
    return undefined;
  }
  const detail = stats.isFile() ? `${stats.size} bytes are too many` : "no regular file";
  return { kind: "flawed", id: undefined, flaw: { why: "unreadable", detail } };
}

/** Says why a file could not be read. */
export function unreadable(error: unknown): FlawedReading {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const why: Flaw = code === "ENOENT" || code === "ENOTDIR" ? "missing" : "unreadable";
  const detail = why === "missing" ? "no such file" : errorMessage(error);
  return { kind: "flawed", id: undefined, flaw: { why, detail } };
}

function inspectInThread(bytes: Buffer, trust: Trust): Promise<Inspected> {
  // Bytes of a file are never in shared memory.
  const buffer = bytes.buffer as ArrayBuffer;
  const order = { data: { bytes: buffer, trust }, size: buffer.byteLength, transferList: [buffer] };
  return runAside<Inspected>(new URL("./inspect-worker.ts", import.meta.url), order);
}
