/** A Unix socket to listen at: its mode and group, and what a process that was killed has left behind. */
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import type { Server } from "node:net";
import { dirname } from "node:path";

import { groupNumber } from "../files/group.ts";
import { errorCode, errorMessage } from "../report/error-message.ts";

/** Where, and for whom. */
export interface UnixPlace {
  readonly path: string;
  /** Octal digits. */
  readonly mode: string;
  /** "" is the process's own. */
  readonly group: string;
}

/** Nobody may connect before mode and group are right. */
const closedMask = 0o177;
/** How long a socket that is there may take to accept or refuse, in ms. */
const patience = 2000;

/** Why there is no socket, for a person, with the code of the system's error. */
class PlaceFault extends Error {
  readonly code: string;

  constructor(path: string, why: string, cause: unknown) {
    super(`Cannot listen at "unix:${path}": ${why}`, { cause });
    this.code = errorCode(cause);
  }
}

/** Listens. @throws Error with the code EADDRINUSE if another process does; EACCES, EPERM */
export async function bindUnix(server: Server, place: UnixPlace): Promise<string> {
  const { path } = place;
  try {
    await removeDeserted(path);
    await listen(server, path);
  } catch (error) {
    throw new PlaceFault(path, refusalOf(path, error), error);
  }
  try {
    giveToGroup(place);
  } catch (error) {
    throw new PlaceFault(path, `this process cannot give it to the group "${place.group}"`, error);
  }
  chmodSync(path, Number.parseInt(place.mode, 8));
  return `unix:${path}`;
}

async function listen(server: Server, path: string): Promise<void> {
  const ready = once(server, "listening");
  const mask = process.umask(closedMask);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  await ready;
}

function giveToGroup({ path, group }: UnixPlace): void {
  const number = group === "" ? undefined : groupNumber(group);
  if (number !== undefined) {
    chownSync(path, -1, number);
  }
}

/** What is in the way; libuv says EACCES where the folder is not there. */
function refusalOf(path: string, error: unknown): string {
  if (!existsSync(dirname(path))) {
    return `there is no folder ${dirname(path)}`;
  }
  switch (errorCode(error)) {
    case "EADDRINUSE":
      return isSocket(path) ? "another process answers there" : "what is there is not a socket";
    case "EACCES":
      return `this process may not write to ${dirname(path)}`;
  }
  return errorMessage(error);
}

/** Removes a socket at which nobody listens; whatever else is there stays, and is in the way. */
async function removeDeserted(path: string): Promise<void> {
  try {
    if (isSocket(path) && (await isDeserted(path))) {
      unlinkSync(path);
    }
  } catch (error) {
    if (errorCode(error) !== "ENOENT") {
      throw error;
    }
  }
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}

async function isDeserted(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(patience) });
    return false;
  } catch (error) {
    return errorCode(error) === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}
