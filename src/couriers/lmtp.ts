/** lmtp: a server that has the mailboxes, such as Dovecot or Cyrus, asked about each recipient. RFC 2033. */
import { parseNextHop } from "../mail/next-hop.ts";
import { defineCourier } from "./contract/contract.ts";
import type { CourierDefinition } from "./contract/contract.ts";

export const lmtp: CourierDefinition = defineCourier({
  name: "lmtp",
  doc: '"lmtp://host:port" or "lmtp:/socket" is a server that has the mailboxes, such as Dovecot; the port defaults to 24. It gets one recipient per message, because LMTP may deliver to one recipient and not to another; further ones get 452 and come in messages of their own.',
  place: {
    allowed: '"lmtp://host:port", "lmtp:/socket"',
    fits: (place) => parseNextHop(`lmtp:${place}`) !== undefined,
  },
  settings: {},
  speaks: "LMTP",
});
