/** A client's host name by DNS, forward-confirmed: a name that does not lead back to the address is none. */
import { Resolver } from "node:dns/promises";
import { isIPv6 } from "node:net";

import { foldAscii } from "../mail/address.ts";

/** Finds names, within about two seconds. */
export interface HostNames {
  /** The name in lower case; "" where DNS has none; undefined where it did not answer. */
  find(ip: string): Promise<string | undefined>;
}

const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** @param servers "192.0.2.53" or with a port; empty: the system's */
export function createHostNames(servers: readonly string[]): HostNames {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  if (servers.length > 0) {
    resolver.setServers(servers);
  }
  return {
    find: async (ip) => {
      try {
        const [first = ""] = await resolver.reverse(ip);
        const name = foldAscii(first).replace(/\.$/, "");
        if (!hostName.test(name)) {
          return "";
        }
        const back = isIPv6(ip) ? await resolver.resolve6(name) : await resolver.resolve4(name);
        return back.includes(ip) ? name : "";
      } catch (error) {
        return ["ENOTFOUND", "ENODATA"].includes((error as NodeJS.ErrnoException).code ?? "") ? "" : undefined;
      }
    },
  };
}
