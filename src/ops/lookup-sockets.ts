/**
 * Unix sockets of `[[lookup]]` in a process with workers: it accepts for all of them, because no two processes can listen
 * at one path, and hands each connection to a worker.
 */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

import type { Settings } from "../config/sections.ts";
import { parseLookupPlace } from "../mail/lookup-place.ts";
import { bindUnix } from "./unix-socket.ts";

/** What a worker gets with the socket. */
export interface HandedSocket {
  readonly lookup: string;
}

/**
 * Listens at every Unix socket. @param hand gives a connection to a worker
 * @throws Error if one is taken; none is then left open
 */
export async function listenForWorkers(
  { lookup }: Settings,
  hand: (message: HandedSocket, socket: Socket) => void,
): Promise<readonly Server[]> {
  const servers: Server[] = [];
  try {
    for (const { name, listen, mode, group } of lookup) {
      for (const text of listen) {
        const place = parseLookupPlace(text);
        if (place?.kind === "unix") {
          // Nothing is read here: it would be lost on the way to the worker.
          const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
            socket.on("error", () => socket.destroy());
            hand({ lookup: name }, socket);
          });
          servers.push(server);
          await bindUnix(server, { path: place.path, mode, group });
        }
      }
    }
    return servers;
  } catch (error) {
    servers.forEach((server) => server.close());
    throw error;
  }
}

/** Whether a message of the supervisor is one of these. */
export function isHanded(message: unknown): message is HandedSocket {
  return typeof message === "object" && message !== null && "lookup" in message && typeof message.lookup === "string";
}
