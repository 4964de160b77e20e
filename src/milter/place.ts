/** Where a milter is: as Postfix and libmilter write it. */
import { isIPv6 } from "node:net";

import { parseEndpoint } from "../mail/network.ts";
import type { ServicePlace } from "../scanners/service-connection.ts";

/** What the setting may be. */
export const milterPlaceRule = {
  allowed: '"inet:host:port", "inet:port@host" or "unix:/path"',
  fits: (text: string): boolean => parseMilterPlace(text) !== undefined,
};

/** Reads a place; undefined if it is none. `local:` and `inet6:` are libmilter's own words. */
export function parseMilterPlace(text: string): ServicePlace | undefined {
  const [, path] = /^(?:unix|local):(\/[^\0]+)$/.exec(text) ?? [];
  if (path !== undefined) {
    return { path };
  }
  const [, rest = ""] = /^inet6?:(.+)$/.exec(text) ?? [];
  const [, port, host = ""] = /^(\d+)@\[?([^\]]+)\]?$/.exec(rest) ?? [];
  const place = parseEndpoint(port === undefined ? rest : `${isIPv6(host) ? `[${host}]` : host}:${port}`);
  return place?.port === 0 ? undefined : place;
}

/** Reads the value of a setting by {@link milterPlaceRule}. @throws RangeError where it has not kept to it */
export function readMilterPlace(text: string): ServicePlace {
  const place = parseMilterPlace(text);
  if (place === undefined) {
    throw new RangeError(`not a place of a milter: ${text}`);
  }
  return place;
}
