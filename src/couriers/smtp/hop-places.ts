/** Where a next hop is to be found: its addresses, in the order in which they are tried. RFC 5321 5.1. */
import { isIP } from "node:net";

import { errorMessage } from "../../report/error-message.ts";
import type { FindAddresses } from "../../dns/addresses.ts";
import type { MailExchangers } from "../../dns/mail-exchangers.ts";
import type { HopEndpoint } from "../../mail/hop-endpoint.ts";
import type { NextHop } from "../../mail/next-hop.ts";
import { HopFault } from "./hop-fault.ts";

/** Who is asked for names. */
export interface NameSources {
  readonly exchangers: MailExchangers;
  readonly addresses: FindAddresses;
}

/** Every address of a hop. @param domain of the recipient, for `mx` @throws HopFault if a name does not resolve */
export async function findPlaces(hop: NextHop, domain: string, names: NameSources): Promise<readonly HopEndpoint[]> {
  if (hop.kind === "mx") {
    return names.exchangers.find(domain).catch((error: unknown) => {
      const why = errorMessage(error);
      throw new HopFault(`Cannot find the mail exchangers of "${domain}": ${why}`, { cause: error });
    });
  }
  const { endpoint, scheme } = hop;
  const { host, port, path } = endpoint;
  const spoken = { implicitTls: scheme === "smtps", lmtp: scheme === "lmtp" };
  if (path !== undefined || isIP(host) !== 0) {
    return [{ ...endpoint, ...spoken }];
  }
  const found = await names.addresses(host).catch((error: unknown) => {
    throw new HopFault(`Cannot find the address of "${host}": ${errorMessage(error)}`, { cause: error });
  });
  return found.map((address) => ({ host: address, port, name: host, ...spoken }));
}
