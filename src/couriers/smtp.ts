/** smtp: a mail server, asked about each recipient. RFC 5321. */
import { parseNextHop } from "../mail/next-hop.ts";
import { defineCourier } from "./contract/contract.ts";
import type { CourierDefinition } from "./contract/contract.ts";

export const smtp: CourierDefinition = defineCourier({
  name: "smtp",
  doc: '"smtp://host:port" is a mail server; the port defaults to 25.',
  place: { allowed: '"smtp://host:port"', fits: (place) => parseNextHop(`smtp:${place}`) !== undefined },
  settings: {},
  speaks: "SMTP",
});
