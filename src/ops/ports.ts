/** Whether the relay's ports are free. Workers share theirs (SO_REUSEPORT), and would share with another relay, too. */
import { createServer } from "node:net";

import type { Settings } from "../config/sections.ts";
import { listenOptions, parseEndpoint } from "../mail/network.ts";
import { listenersOf } from "../config/listening.ts";

/** Binds each port alone and lets go of it. @throws the error of a port that is taken */
export async function probePorts(settings: Settings): Promise<void> {
  for (const place of [...listenersOf(settings), ...settings.lookup].flatMap(({ listen }) => listen)) {
    const endpoint = parseEndpoint(place);
    if (endpoint !== undefined && endpoint.port !== 0) {
      await new Promise<void>((resolve, reject) => {
        const server = createServer();
        server.once("error", reject);
        server.listen(listenOptions(endpoint), () => server.close(() => resolve()));
      });
    }
  }
}
