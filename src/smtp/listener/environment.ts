/** Session variables of a connection, as tcpserver passes them in the environment. */
import type { Peer } from "../../hooks/check-session.ts";

/** Names and values. */
export function environment(local: Peer, client: Peer): [string, string][] {
  return [
    ["PROTO", "TCP"],
    ["TCPLOCALIP", local.ip],
    ["TCPLOCALPORT", String(local.port)],
    ["TCPLOCALHOST", local.host],
    ["TCPREMOTEIP", client.ip],
    ["TCPREMOTEPORT", String(client.port)],
    ...(client.host === "" ? [] : ([["TCPREMOTEHOST", client.host]] satisfies [string, string][])),
  ];
}
