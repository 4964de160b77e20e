/** Where a next hop is. */
import type { Endpoint } from "./network.ts";

/** A hop's place, and the name that its certificate must have where the place is an address of a mail exchanger. */
export interface HopEndpoint extends Endpoint {
  readonly name?: string;
}
