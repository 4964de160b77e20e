/** A connection of a proxy of `proxy_from`: its header says who the client is, and only then its session begins. */
import type { Socket } from "node:net";

import { clientNetwork } from "../../mail/client-network.ts";
import type { Service } from "../service.ts";
import type { Arrivals } from "./arrivals.ts";
import { logProxyFailure } from "./client-failures.ts";
import { takeProxyHeader } from "./proxy-reader.ts";
import type { TurnedAway } from "./turned-away.ts";

/** How long a proxy has for its header, in ms: it sends it at once, and a lost packet comes again within this time. */
const headerTime = 10_000;

/** What of the listener this needs. */
interface Door {
  readonly service: Service;
  readonly arrivals: Arrivals;
  readonly turnedAway: TurnedAway;
  /** Of a listener that has but one. */
  readonly local: { readonly address: string; readonly port: number } | undefined;
  hasRoomFor(client: string): boolean;
}

/** Who is at the ends of a connection, as the library wants it. */
interface Ends {
  readonly id: string;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/**
 * Reads the header.
 * @param handshake whether TLS comes before the session: its place is then the client's
 * @param go called once; with an error, the socket is destroyed
 */
export function beginProxied(
  door: Door,
  socket: Socket,
  { id, handshake }: { readonly id: string; readonly handshake: boolean },
  go: (error: Error | null, ends?: Ends) => void,
): void {
  const { service, arrivals } = door;
  const proxy = arrivals.of(socket).ip;
  takeProxyHeader(socket, Math.min(headerTime, service.limits.idle), (header) => {
    if (header.kind === "bad") {
      if (!header.quiet && door.turnedAway.isNews("proxy header", proxy)) {
        logProxyFailure(service, { id, remoteAddress: proxy }, header.why);
      }
      go(new Error(header.why));
      return;
    }
    // A proxy that speaks for itself is the client.
    const { client, local } = header.ends ?? {};
    const ip = client?.ip ?? proxy;
    arrivals.know(socket, { id, ip });
    if (handshake && !takesPlace(door, socket, clientNetwork(ip))) {
      go(new Error("no room for its client"));
      return;
    }
    go(null, {
      id,
      remoteAddress: ip,
      remotePort: client?.port ?? socket.remotePort,
      localAddress: local?.ip ?? door.local?.address,
      localPort: local?.port ?? door.local?.port,
    });
  });
}

/** The place that a proxy took becomes its client's for the handshake. @returns whether there is room for that one */
function takesPlace({ arrivals, hasRoomFor }: Door, socket: Socket, client: string): boolean {
  arrivals.leave(socket);
  const hasRoom = hasRoomFor(client);
  if (hasRoom) {
    arrivals.enter(socket, client);
  } else {
    // Nothing can be said before the handshake.
    socket.on("error", () => undefined).destroy();
  }
  return hasRoom;
}
