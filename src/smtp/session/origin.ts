/** Who sends a message, as couriers hear of it. */
import type { Session } from "../../hooks/session.ts";
import type { ClientFacts, Origin } from "../../mail/courier.ts";

/** The origin of a session's messages; the facts of its client are only gathered where a hop wants them. */
export function originOf(session: Session, extended: boolean): Origin {
  return { session: session.id, ref: session.ref, ip: session.client.ip, client: () => factsOf(session, extended) };
}

function factsOf({ id, client, helo, local, variables }: Session, extended: boolean): ClientFacts {
  return {
    session: id,
    ip: client.ip,
    port: client.port,
    host: client.host,
    helo,
    protocol: extended ? "ESMTP" : "SMTP",
    login: variables.get("SMTPAUTHUSER") ?? "",
    local: { ip: local.ip, port: local.port },
  };
}
