/** Lookups by HTTP as every other: a socket that is bound elsewhere, bounds, and an end. */
import type { Server } from "node:http";

import type { LookupServer, LookupServerOptions } from "./server.ts";

const tooMany = { why: "too many connections" } as const;

/** The HTTP server of a lookup. */
export function webLookupServer(server: Server, { limits, counters }: LookupServerOptions): LookupServer {
  const bound = (): void => {
    const { connections, timeout, idle } = limits();
    server.maxConnections = connections;
    server.requestTimeout = timeout;
    server.headersTimeout = timeout;
    server.keepAliveTimeout = idle;
  };
  bound();
  server.on("connection", bound);
  server.on("drop", () => counters.add("lookup_faults", tooMany));
  return {
    server,
    take: (socket) => void server.emit("connection", socket),
    shutdown: async (wait) => {
      const late = setTimeout(() => server.closeAllConnections(), wait);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
      clearTimeout(late);
    },
  };
}
