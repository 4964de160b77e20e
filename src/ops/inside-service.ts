/** What the HTTP services of the internal network share: an end by signal, and answers that are still given. */
import type { Server } from "node:http";

import { formatEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";

/** ms that answers under way may take at the end. */
const patience = 2000;

/** Resolves at SIGTERM and SIGINT. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve()).once("SIGINT", () => resolve());
  });
}

/** Answers that are under way are still given, for two seconds. */
export async function closeServer(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), patience);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}

/** With the port that the system chose. */
export function listeningAt(server: Server, { host, port }: Endpoint): string {
  const address = server.address();
  return formatEndpoint({ host, port: typeof address === "object" && address !== null ? address.port : port });
}
