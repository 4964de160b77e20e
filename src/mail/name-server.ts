/** Name servers as settings write them. */
import { isIP } from "node:net";

import { normalIp, parseEndpoint } from "./network.ts";
import type { Endpoint } from "./network.ts";

const port = 53;

/** "192.0.2.53", "2001:db8::53", "192.0.2.53:5353" or "[2001:db8::53]:5353"; undefined if it is none. */
export function parseServer(text: string): Endpoint | undefined {
  if (isIP(text) !== 0) {
    return { host: normalIp(text), port };
  }
  const endpoint = parseEndpoint(text, port);
  return endpoint === undefined || isIP(endpoint.host) === 0 ? undefined : endpoint;
}
