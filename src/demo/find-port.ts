/** A free port of loopback. */
import { once } from "node:events";
import { createServer } from "node:net";

import { boundPort } from "../mail/network.ts";

/** The port, or a free one for 0. @throws Error with code EADDRINUSE */
export async function findPort(wanted: number): Promise<number> {
  const probe = createServer().listen(wanted, "127.0.0.1");
  await once(probe, "listening");
  const port = boundPort(probe);
  const closed = once(probe, "close");
  probe.close();
  await closed;
  return port;
}
