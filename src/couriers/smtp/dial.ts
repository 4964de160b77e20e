/** Connects to a next hop: TCP, or TLS from the first byte. Every wait has an end. */
import { connect as connectTcp, isIP } from "node:net";
import type { Socket } from "node:net";
import { checkServerIdentity, connect as connectTls } from "node:tls";
import type { ConnectionOptions } from "node:tls";

import { formatHop } from "../../mail/hop-endpoint.ts";
import type { HopEndpoint } from "../../mail/hop-endpoint.ts";
import { errorMessage } from "../../report/error-message.ts";
import { HopFault } from "./hop-fault.ts";
import type { TlsPolicy } from "../contract/routes.ts";

/** A connection attempt ends after this many ms, however long the time limit for replies is: a path that is up answers at once. */
const connectTimeout = 30_000;

/** What the side of a handshake asks for. */
export function tlsOptions(endpoint: HopEndpoint, policy: TlsPolicy): ConnectionOptions {
  const name = policy.name ?? endpoint.name ?? endpoint.host;
  return {
    host: endpoint.host,
    // RFC 6066 3: an address is not a server name, but a certificate may have one.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    ...(policy.ca === undefined ? {} : { ca: policy.ca }),
    rejectUnauthorized: policy.mode !== "opportunistic",
    minVersion: "TLSv1.2",
  };
}

/** Connects, with TLS where the policy has it from the first byte. @throws HopFault */
export async function dial(endpoint: HopEndpoint, policy: TlsPolicy, timeout: number): Promise<Socket> {
  const { host, port, path } = endpoint;
  const implicit = endpoint.implicitTls === true;
  const socket = implicit
    ? connectTls({ port, ...tlsOptions(endpoint, policy) })
    : connectTcp(path === undefined ? { host, port } : { path });
  await settled(socket, implicit ? "secureConnect" : "connect", Math.min(timeout, connectTimeout), endpoint);
  return socket;
}

/** Waits for an event of a young socket. @throws HopFault, with the socket destroyed */
export function settled(socket: Socket, event: string, timeout: number, endpoint: HopEndpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (why?: string, cause?: Error): void => {
      clearTimeout(timer);
      socket.off(event, connected);
      socket.off("error", failed);
      socket.off("close", closed);
      if (why === undefined) {
        resolve();
        return;
      }
      socket.on("error", () => undefined);
      socket.destroy();
      reject(new HopFault(`Cannot connect to ${formatHop(endpoint)}: ${why}`, { cause }));
    };
    const connected = (): void => finish();
    const failed = (error: Error): void => finish(errorMessage(error), error);
    const closed = (): void => finish("closed");
    const timer = setTimeout(() => finish(`no answer in ${timeout} ms`), timeout);
    socket.once(event, connected);
    socket.once("error", failed);
    socket.once("close", closed);
  });
}
