/** One address of a next hop, and what is known of it beside host and port. */
import { formatEndpoint } from "./network.ts";
import type { Endpoint } from "./network.ts";

export interface HopEndpoint extends Endpoint {
  /** If `host` is an address that a name led to: that name. The certificate must have it. */
  readonly name?: string;
  /** TLS from the first byte. */
  readonly implicitTls?: boolean;
  /** It speaks LMTP, RFC 2033. */
  readonly lmtp?: boolean;
  /** A socket of this machine, in place of host and port. */
  readonly path?: string;
}

/** `host:port`, or the path of a socket. */
export function formatHop(endpoint: HopEndpoint): string {
  return endpoint.path ?? formatEndpoint(endpoint);
}
