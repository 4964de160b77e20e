/** Clients that are left alone: by address, prefix or block, by host name, or by a pattern of host names. */
import type { Peer } from "../../hooks/check-session.ts";
import { foldAscii } from "../../mail/address.ts";
import { IpEntries, parseIpEntry } from "../../mail/ip-entry.ts";
import type { ListEntry, Remark } from "../../files/list-reader.ts";
import { normalIp } from "../../mail/network.ts";
import type { Later } from "../../state/store.ts";
import { patternsFor } from "../../files/patterns.ts";
import type { Pattern } from "../../files/patterns.ts";

/** RFC 1035 2.3.4. */
const longestName = 253;
const hostName = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+$/;

/** A list of clients that a check exempts. */
export class ClientExclusions {
  readonly #ips = new IpEntries<true>();
  readonly #hosts = new Set<string>();
  readonly #patterns: Pattern[] = [];

  /** Whether a client is listed. @param findHost asks for its host name, if one is listed and `host` is "" */
  has({ ip, host }: Peer, findHost: (ip: string) => Promise<string | undefined>): Later<boolean> {
    if (this.#ips.size > 0 && this.#ips.find(ip) === true) {
      return true;
    }
    if (this.#hosts.size === 0 && this.#patterns.length === 0) {
      return false;
    }
    return host === "" ? findHost(normalIp(ip)).then((name) => this.#hasHost(name ?? "")) : this.#hasHost(host);
  }

  #hasHost(host: string): boolean {
    const name = foldAscii(host);
    return name !== "" && (this.#hosts.has(name) || this.#patterns.some((pattern) => pattern.matches(name)));
  }

  /** Reads a list: an address, a prefix, a block, a host name, or `/pattern/` a line. */
  static read(entries: readonly ListEntry[], skip: Remark, warn: Remark): ClientExclusions {
    const exclusions = new ClientExclusions();
    const compile = patternsFor({ longest: longestName, ignoreCase: true });
    for (const entry of entries) {
      exclusions.#add(entry, compile, skip, warn);
    }
    return exclusions;
  }

  #add(entry: ListEntry, compile: ReturnType<typeof patternsFor>, skip: Remark, warn: Remark): void {
    const { text } = entry;
    if (/^\/.+\/$/.test(text)) {
      const pattern = compile(text.slice(1, -1));
      if ("fault" in pattern) {
        skip(entry, pattern.fault);
      } else {
        this.#patterns.push(pattern);
      }
      return;
    }
    const ip = parseIpEntry(text);
    const name = foldAscii(text);
    if (ip !== undefined) {
      if (ip.warning !== undefined) {
        warn(entry, ip.warning);
      }
      this.#ips.add(ip, true);
    } else if (hostName.test(name)) {
      this.#hosts.add(name);
    } else {
      skip(entry, "can never match: an entry is an IP address, a prefix, a block, a host name, or /pattern/");
    }
  }
}
