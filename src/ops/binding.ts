/** Binds a listener to its places: addresses, or sockets that systemd opened (sd_listen_fds(3)). */
import { once } from "node:events";

import { formatEndpoint, listenOptions, parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";
import type { RelayServer } from "../smtp/listener/server.ts";

/** The first descriptor that systemd hands over. */
const firstDescriptor = 3;

/** Descriptors that systemd opened for the listener: those named like it (FileDescriptorName=), else all. */
export function inheritedDescriptors(listener: string): number[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = process.env;
  const count = Number(LISTEN_FDS ?? 0);
  // A worker is a child of the process that systemd started and inherits its descriptors.
  const forUs = LISTEN_PID === undefined || [process.pid, process.ppid].includes(Number(LISTEN_PID));
  if (!forUs || !Number.isInteger(count) || count < 1 || count > 64) {
    return [];
  }
  const all = Array.from({ length: count }, (_, i) => firstDescriptor + i);
  const names = (LISTEN_FDNAMES ?? "").split(":");
  const named = all.filter((_, i) => names[i] === listener);
  return named.length > 0 ? named : all;
}

/** What a server listens at: an address, or a descriptor. */
export type ListenTarget = { readonly fd: number } | Endpoint;

/** The targets of one entry of `listen`. @throws Error if systemd handed over no socket */
export function targetsOf(place: string, listener: string): ListenTarget[] {
  if (place === "systemd") {
    const descriptors = inheritedDescriptors(listener);
    if (descriptors.length === 0) {
      throw new Error(`Cannot listen for "${listener}": systemd handed over no socket (LISTEN_FDS)`);
    }
    return descriptors.map((fd) => ({ fd }));
  }
  const endpoint = parseEndpoint(place);
  if (endpoint === undefined) {
    throw new Error(`Cannot listen at "${place}": no address`);
  }
  return [endpoint];
}

/** Listens; returns the address as text. @throws Error with the code EADDRINUSE and the like */
export async function bind(server: RelayServer, target: ListenTarget, shared: boolean): Promise<string> {
  // Rejects with the error if there is one first.
  const ready = once(server.server, "listening");
  server.listen("fd" in target ? target : { ...listenOptions(target), ...(shared ? { reusePort: true } : {}) });
  await ready;
  if ("fd" in target) {
    return `systemd:${target.fd}`;
  }
  const address = server.server.address();
  return formatEndpoint({
    host: target.host,
    port: typeof address === "object" ? (address?.port ?? target.port) : target.port,
  });
}
