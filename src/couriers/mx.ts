/** mx: the mail exchangers of each domain, asked about each recipient. RFC 5321 5.1. */
import { defineCourier } from "./contract/contract.ts";
import type { CourierDefinition } from "./contract/contract.ts";

export const mx: CourierDefinition = defineCourier({
  name: "mx",
  doc: '"mx" is the mail exchangers of the recipient\'s domain.',
  place: { allowed: '"mx"', fits: (place) => place === "" },
  settings: {},
  speaks: "SMTP",
});
