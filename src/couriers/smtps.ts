/** smtps: a mail server that speaks TLS from the first byte. RFC 8314. */
import { parseNextHop } from "../mail/next-hop.ts";
import { defineCourier } from "./contract/contract.ts";
import type { CourierDefinition } from "./contract/contract.ts";

export const smtps: CourierDefinition = defineCourier({
  name: "smtps",
  doc: '"smtps://host:port" is one that speaks TLS from the start; the port defaults to 465.',
  place: { allowed: '"smtps://host:port"', fits: (place) => parseNextHop(`smtps:${place}`) !== undefined },
  settings: {},
  speaks: "SMTP",
});
