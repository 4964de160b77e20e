/** A Unix socket to listen at: its mode and group, and what a process that was killed has left behind. */
import { once } from "node:events";
import { chmodSync, chownSync, lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import type { Server } from "node:net";

import { groupNumber } from "../files/group.ts";
import { errorCode } from "../report/error-message.ts";

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

/** Listens. @throws Error with the code EADDRINUSE if another process does */
export async function bindUnix(server: Server, place: UnixPlace): Promise<string> {
  await removeDeserted(place.path);
  const ready = once(server, "listening");
  const mask = process.umask(closedMask);
  try {
    server.listen(place.path);
  } finally {
    process.umask(mask);
  }
  await ready;
  const group = place.group === "" ? undefined : groupNumber(place.group);
  if (group !== undefined) {
    chownSync(place.path, -1, group);
  }
  chmodSync(place.path, Number.parseInt(place.mode, 8));
  return `unix:${place.path}`;
}

/** Removes a socket at which nobody listens; whatever else is there stays, and is in the way. */
async function removeDeserted(path: string): Promise<void> {
  try {
    if (lstatSync(path).isSocket() && (await isDeserted(path))) {
      unlinkSync(path);
    }
  } catch (error) {
    if (errorCode(error) !== "ENOENT") {
      throw error;
    }
  }
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
