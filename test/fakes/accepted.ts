/** The server's side of a connection within this process: what a test may look at, or break, beyond the wire. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/** Connects as `open` does. @returns what it came to, with the socket that a server of this process accepted for it */
export async function accepted<T>(open: () => Promise<T>): Promise<{ readonly client: T; readonly socket: Socket }> {
  let take: (socket: Socket) => void;
  const socket = new Promise<Socket>((resolve) => (take = resolve));
  const note = (message: unknown): void => take((message as { readonly socket: Socket }).socket);
  subscribe("net.server.socket", note);
  try {
    return { client: await open(), socket: await socket };
  } finally {
    unsubscribe("net.server.socket", note);
  }
}
