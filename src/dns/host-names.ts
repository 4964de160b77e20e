/** A client's host name by DNS, forward-confirmed: a name that does not lead back to the address is none. */
import { isIPv6 } from "node:net";

import { foldAscii } from "../mail/address.ts";
import type { Dns } from "./resolver.ts";

/** Finds names, within two questions' deadlines. */
export interface HostNames {
  /** The name in lower case; "" if DNS has none; undefined if it did not answer. */
  find(ip: string): Promise<string | undefined>;
}

const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** Looks up confirmed host names of clients. */
export function createHostNames(dns: Dns): HostNames {
  return {
    find: async (ip) => {
      const names = await dns.ptr(ip);
      if (names.kind !== "found") {
        return names.kind === "absent" ? "" : undefined;
      }
      const name = foldAscii(names.values[0] ?? "");
      if (!hostName.test(name)) {
        return "";
      }
      const back = await (isIPv6(ip) ? dns.aaaa(name) : dns.a(name));
      if (back.kind === "failed") {
        return undefined;
      }
      return back.kind === "found" && back.values.includes(ip) ? name : "";
    },
  };
}
