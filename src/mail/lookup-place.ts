/** Where other mail servers ask: an address, a Unix socket, or sockets of systemd. */
import { isAbsolute } from "node:path";

import { parseEndpoint } from "./network.ts";
import type { Endpoint } from "./network.ts";

/** One entry of `[[lookup]] listen`. */
export type LookupPlace =
  | { readonly kind: "tcp"; readonly endpoint: Endpoint }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "systemd" };

/** The longest path of a Unix socket: sun_path of unix(7), with its NUL. */
const longestPath = 107;

/** Reads `host:port`, `unix:/path` or `systemd`; undefined: it is none of them. */
export function parseLookupPlace(text: string): LookupPlace | undefined {
  if (text === "systemd") {
    return { kind: "systemd" };
  }
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    const fits = isAbsolute(path) && !path.includes("\0") && Buffer.byteLength(path) <= longestPath;
    return fits ? { kind: "unix", path } : undefined;
  }
  const endpoint = parseEndpoint(text);
  return endpoint === undefined ? undefined : { kind: "tcp", endpoint };
}

/** Whether only this machine can connect. */
export function isLocal(place: LookupPlace): boolean {
  return place.kind !== "tcp" || /^(?:localhost|::1|127(?:\.\d{1,3}){3})$/i.test(place.endpoint.host);
}
