/** Binds a listener to its places: addresses, or sockets that systemd opened (sd_listen_fds(3)). */
import { once } from "node:events";
import type { Server } from "node:net";

import { formatEndpoint, listenOptions, parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";

/** The first descriptor that systemd hands over. */
const firstDescriptor = 3;

/**
 * Descriptors that systemd opened for a service: those named like it (FileDescriptorName=), else all that are not named
 * like another.
 * @param all the names of all services
 */
export function inheritedDescriptors(service: string, all: ReadonlySet<string>): number[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = process.env;
  const count = Number(LISTEN_FDS ?? 0);
  // A worker is a child of the process that systemd started and inherits its descriptors.
  const forUs = LISTEN_PID === undefined || [process.pid, process.ppid].includes(Number(LISTEN_PID));
  if (!forUs || !Number.isInteger(count) || count < 1 || count > 64) {
    return [];
  }
  const descriptors = Array.from({ length: count }, (_, i) => firstDescriptor + i);
  const names = (LISTEN_FDNAMES ?? "").split(":");
  const named = descriptors.filter((_, i) => names[i] === service);
  return named.length > 0 ? named : descriptors.filter((_, i) => !all.has(names[i] ?? ""));
}

/** What a server listens at: an address, or a descriptor. */
export type ListenTarget = { readonly fd: number } | Endpoint;

/** The sockets of systemd for a service. @throws Error if systemd handed over none */
export function socketsOf(service: string, all: ReadonlySet<string>): { readonly fd: number }[] {
  const descriptors = inheritedDescriptors(service, all);
  if (descriptors.length === 0) {
    throw new Error(`Cannot listen for "${service}": systemd handed over no socket (LISTEN_FDS)`);
  }
  return descriptors.map((fd) => ({ fd }));
}

/**
 * Refuses a socket of systemd that would be two services at once: which of them answered would be chance.
 * @param services those that listen at sockets of systemd
 * @param all the names of all services
 * @throws Error naming them
 */
export function refuseSharedSockets(services: readonly string[], all: ReadonlySet<string>): void {
  const owners = new Map<number, string>();
  for (const service of services) {
    for (const fd of inheritedDescriptors(service, all)) {
      const other = owners.get(fd);
      if (other !== undefined && other !== service) {
        const names = `"${other}" and "${service}"`;
        throw new Error(`Cannot listen: one socket of systemd is for ${names}; name it by FileDescriptorName=`);
      }
      owners.set(fd, service);
    }
  }
}

/** The targets of one entry of `listen`. @throws Error if systemd handed over no socket */
export function targetsOf(place: string, listener: string, all: ReadonlySet<string>): ListenTarget[] {
  if (place === "systemd") {
    return socketsOf(listener, all);
  }
  const endpoint = parseEndpoint(place);
  if (endpoint === undefined) {
    throw new Error(`Cannot listen at "${place}": no address`);
  }
  return [endpoint];
}

/** Listens; returns the address as text. @throws Error with the code EADDRINUSE and the like */
export async function bind(server: Server, target: ListenTarget, shared: boolean): Promise<string> {
  // Rejects with the error if there is one first.
  const ready = once(server, "listening");
  server.listen("fd" in target ? target : { ...listenOptions(target), ...(shared ? { reusePort: true } : {}) });
  await ready;
  if ("fd" in target) {
    return `systemd:${target.fd}`;
  }
  const address = server.address();
  return formatEndpoint({
    host: target.host,
    port: typeof address === "object" ? (address?.port ?? target.port) : target.port,
  });
}
