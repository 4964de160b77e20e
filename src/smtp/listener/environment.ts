/** Session variables of a connection, as tcpserver passes them in the environment. */
import type { Peer } from "../../hooks/check-session.ts";

/** Names and values; those of `more` go before, the later before the earlier. */
export function environment(local: Peer, client: Peer, ...more: ReadonlyMap<string, string>[]): Map<string, string> {
  const variables = new Map<string, string>();
  variables.set("PROTO", "TCP");
  variables.set("TCPLOCALIP", local.ip);
  variables.set("TCPLOCALPORT", String(local.port));
  variables.set("TCPLOCALHOST", local.host);
  variables.set("TCPREMOTEIP", client.ip);
  variables.set("TCPREMOTEPORT", String(client.port));
  if (client.host !== "") {
    variables.set("TCPREMOTEHOST", client.host);
  }
  for (const map of more) {
    for (const [name, value] of map) {
      variables.set(name, value);
    }
  }
  return variables;
}
