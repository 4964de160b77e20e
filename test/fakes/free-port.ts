/**
 * A port for a program that cannot be told to take any free one. It lies below the range that the kernel gives to
 * outgoing connections (32768 on Linux): a port from there could be some client's own port a moment later.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const first = 12_000;
const end = 32_000;

/**
 * A port at which nobody listens now, neither by TCP nor by UDP.
 * @throws Error if twenty in a row are taken
 */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  for (let tries = 0; tries < 20; tries += 1) {
    const port = first + Math.floor(Math.random() * (end - first));
    if ((await isFreeForTcp(port, address)) && (await isFreeForUdp(port, address))) {
      return port;
    }
  }
  throw new Error(`20 ports of ${address} in a row are taken`);
}

async function isFreeForTcp(port: number, address: string): Promise<boolean> {
  const server = createServer().listen(port, address);
  const isFree = await opened(once(server, "listening"));
  server.close();
  return isFree;
}

async function isFreeForUdp(port: number, address: string): Promise<boolean> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4").bind(port, address);
  const isFree = await opened(once(socket, "listening"));
  socket.close();
  return isFree;
}

async function opened(event: Promise<unknown>): Promise<boolean> {
  return event.then(
    () => true,
    () => false,
  );
}
