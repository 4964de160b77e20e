/** A small server that does one thing with each connection: answers something, when it was told so, or nothing. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** What it does with a connection. `got` is all that came so far; called for each piece, and once for the end. */
export type Script = (socket: Socket, got: Buffer, ended: boolean) => void;

export interface Scripted {
  /** host:port */
  readonly place: string;
  readonly port: number;
  /** Connections so far. */
  readonly connections: () => number;
  /** What came in the last connection. */
  readonly got: () => Buffer;
  close(): Promise<void>;
}

export async function startScripted(script: Script): Promise<Scripted> {
  let connections = 0;
  let got = Buffer.alloc(0);
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections++;
    got = Buffer.alloc(0);
    open.add(socket);
    let mine = Buffer.alloc(0);
    const hear = (chunk: Buffer, ended: boolean): void => {
      mine = Buffer.concat([mine, chunk]);
      got = mine;
      script(socket, mine, ended);
    };
    socket
      .on("data", (chunk: Buffer) => hear(chunk, false))
      .on("end", () => hear(Buffer.alloc(0), true))
      .on("close", () => open.delete(socket))
      // The client may go whenever it wants.
      .on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    place: `127.0.0.1:${port}`,
    port,
    connections: () => connections,
    got: () => got,
    close: async () => {
      open.forEach((socket) => socket.destroy());
      server.close();
      await once(server, "close");
    },
  };
}
