/** The session of the client that a named one speaks for, by XCLIENT: as if that one had connected itself. */
import { clientNetwork } from "../../mail/client-network.ts";
import { normalIp } from "../../mail/network.ts";
import { answers } from "../answers.ts";
import { limitDecision } from "../decision.ts";
import type { Presented } from "../session/presented.ts";
import { admit } from "./admission.ts";
import type { Connection } from "./connection.ts";
import type { Crowd } from "./crowd.ts";
import type { Owner } from "./owner.ts";
import { sessionId } from "./session-id.ts";

/** What of the listener this needs. */
interface Door {
  readonly owner: Owner<Connection>;
  readonly crowd: Crowd;
  hasRoomFor(client: string): boolean;
}

/** Ends the session, and admits the client as it was presented. When this ends, it has got its greeting, or a refusal. */
export async function beginAnew(door: Door, connection: Connection, presented: Presented): Promise<void> {
  const { owner, crowd } = door;
  const { conversation, id: before } = connection;
  const by = normalIp(connection.remoteAddress);
  conversation?.end();
  conversation?.service.pipeline.end(conversation.session);
  take(connection, presented);
  const client = clientNetwork(normalIp(connection.remoteAddress));
  crowd.leave(connection.countedAs);
  const hasRoom = client === connection.countedAs || door.hasRoomFor(client);
  crowd.enter(client);
  connection.countedAs = client;
  const facts = { session: connection.id, ip: connection.remoteAddress, by, before };
  owner.service.log.info("smtp", "client by XCLIENT", facts);
  if (hasRoom) {
    await admit(owner, connection);
  } else {
    connection.answer({ ...answers.tooManyConnections, by: limitDecision("connections") });
  }
}

/** The library's words for who is at the ends. What was not said stays. */
function take(connection: Connection, presented: Presented): void {
  connection.renew(presented);
  connection.id = sessionId();
  connection.remoteAddress = presented.ip ?? connection.remoteAddress;
  connection.remotePort = presented.port ?? connection.remotePort;
  connection.localAddress = presented.localIp || connection.localAddress;
  connection.localPort = presented.localPort || connection.localPort;
}
