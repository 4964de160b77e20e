/** One address of a next hop, and what is known of it beside host and port. */
import type { Endpoint } from "./network.ts";

export interface HopEndpoint extends Endpoint {
  /** If `host` is an address that a name led to: that name. The certificate must have it. */
  readonly name?: string;
  /** TLS from the first byte. */
  readonly implicitTls?: boolean;
}
