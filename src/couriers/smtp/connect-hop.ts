/** A fresh connection to one address of a next hop, with TLS as its route asks. */
import { errorMessage } from "../../report/error-message.ts";
import type { HopEndpoint } from "../../mail/hop-endpoint.ts";
import type { Log } from "../../report/log.ts";
import type { Route } from "../contract/routes.ts";
import { HopConnection } from "./hop-connection.ts";
import { HopFault } from "./hop-fault.ts";

/** Connects. @param timeout ms for the connection and for each answer @throws HopFault */
export async function connectHop(
  endpoint: HopEndpoint,
  hostname: string,
  { tls, timeout }: Pick<Route, "tls" | "timeout">,
  log: Log,
): Promise<HopConnection> {
  try {
    return await HopConnection.open(endpoint, hostname, tls, timeout);
  } catch (error) {
    // Opportunistic means: mail goes out even if the hop's TLS is broken (RFC 7435), on a connection of its own.
    if (tls.mode === "opportunistic" && error instanceof HopFault && error.duringTls) {
      const facts = { hop: endpoint.host, why: errorMessage(error) };
      log.warning("next-hop", "TLS failed, continuing without it", facts);
      return HopConnection.open(endpoint, hostname, { ...tls, mode: "off" }, timeout);
    }
    throw error;
  }
}
