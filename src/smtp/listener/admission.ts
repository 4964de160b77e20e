/** How a client is let in: client rule, connection rate, host name, greeting delay; then its session begins. */
import type { ClientVerdict } from "../../clients/tcprules.ts";
import { Session } from "../../hooks/session.ts";
import { clientNetwork } from "../../mail/client-network.ts";
import { normalIp } from "../../mail/network.ts";
import { labelsBy } from "../../report/counters.ts";
import { answers, dropped } from "../answers.ts";
import { limitDecision } from "../decision.ts";
import { Conversation } from "../session/conversation.ts";
import { after } from "../session/outcome.ts";
import type { Connection } from "./connection.ts";
import { environment } from "./environment.ts";
import type { Service } from "../service.ts";
import type { Owner } from "./owner.ts";
import { tellOfStranger } from "./session-events.ts";

const byResult = labelsBy("result");

/** Admits a client, or refuses it. When this ends, a rejected client has got its reply: mostly at once. */
export function admit(owner: Owner<Connection>, connection: Connection): void | Promise<void> {
  const { service } = owner;
  const ip = normalIp(connection.remoteAddress);
  // A rule by host name may exempt the client from the rate; else nothing is asked of DNS for one too many.
  const early = service.rules.needsHost ? undefined : service.rules.find({ ip });
  const isTurnedAway = early !== undefined && isTooOften(owner, connection, ip, early);
  return after(isTurnedAway, (isAway) =>
    isAway ? undefined : after(hostOf(service, connection, ip), (host) => admitAs(owner, connection, ip, host, early)),
  );
}

/** Admits a client of this name. @param early what the rules say of it, if they need no name for that */
function admitAs(
  owner: Owner<Connection>,
  connection: Connection,
  ip: string,
  host: string | undefined,
  early: ClientVerdict | undefined,
): void | Promise<void> {
  const { service } = owner;
  const verdict = early ?? service.rules.find(host === undefined ? { ip } : { ip, host });
  if (verdict.kind === "deny") {
    // As tcpserver does: dropped with nothing sent.
    service.counters.add("connections", byResult("denied"));
    service.log.info("smtp", "denied by client rule", { ip, line: verdict.rule.line });
    tellOfStranger(service, { id: connection.id, ip, host }, { ...dropped, by: limitDecision("client rule") });
    connection._socket.destroy();
    return undefined;
  }
  const isTurnedAway = early === undefined && isTooOften(owner, connection, ip, verdict);
  return after(isTurnedAway, (isAway) =>
    isAway ? undefined : receive(service, connection, beginSession(owner, connection, ip, host, verdict.variables)),
  );
}

/** The confirmed host name: the one that a named client tells of, or what DNS says. Undefined: not known. */
function hostOf(
  { reverseLookup, rules, hostNames }: Service,
  { presented }: Connection,
  ip: string,
): string | undefined | Promise<string | undefined> {
  if (presented?.host !== undefined) {
    return presented.host === "" ? undefined : presented.host;
  }
  return reverseLookup || rules.needsHost ? hostNames.find(ip) : undefined;
}

/** The greeting, unless the client is blocked. */
function receive(service: Service, connection: Connection, session: Session): void | Promise<void> {
  const { ip } = session.client;
  const isPresented = connection.presented !== undefined;
  if (!isPresented) {
    service.counters.add("connections", byResult("accepted"));
  }
  if (service.harvest.refuses(ip, session.variables)) {
    connection.answer({ ...answers.tooManyUnknown, by: limitDecision("harvest block") });
    return undefined;
  }
  // Asked while the client waits for its greeting.
  const hears = service.harvest.hearsOfBlock(ip, session.variables);
  const { greetingDelay } = service.limits;
  // A proxy has let its client wait if it wants that.
  const isTrusted = isPresented || session.has("NOGOODMAILTO") || session.has("RELAYCLIENT");
  const waited = isTrusted || greetingDelay === 0 ? undefined : connection.early.wait(greetingDelay);
  return after(waited, () => after(hears, (hasHeard) => greet(service, connection, session, hasHeard)));
}

/** @param hasHeard another process has blocked the client */
function greet(service: Service, connection: Connection, session: Session, hasHeard: boolean): void | Promise<void> {
  if (hasHeard && service.harvest.refuses(session.client.ip, session.variables)) {
    connection.answer({ ...answers.tooManyUnknown, by: limitDecision("harvest block") });
    return undefined;
  }
  return connection.greet();
}

/** Counts the connection if there is a rate; one too many is refused with a reply. */
function isTooOften(
  owner: Owner<Connection>,
  connection: Connection,
  ip: string,
  verdict: ClientVerdict,
): boolean | Promise<boolean> {
  const { connectionRate, relayLists, variables } = owner.service;
  // A named client is counted as those for whom it speaks.
  const isNamed = connection.presented === undefined && owner.service.presenters?.addresses.find(ip) === true;
  if (!connectionRate.isOn || verdict.kind === "deny" || isNamed) {
    return false;
  }
  const known = relayLists.apply(ip, new Map([...variables, ...verdict.variables]));
  const turnAway = (exceeds: boolean): boolean => {
    if (exceeds) {
      owner.noteLimit("connection rate", clientNetwork(ip));
      connection.answer({ ...answers.tooOften, by: limitDecision("connection rate") });
    }
    return exceeds;
  };
  const exceeds = connectionRate.exceeds(ip, known);
  return exceeds instanceof Promise ? exceeds.then(turnAway) : turnAway(exceeds);
}

function beginSession(
  owner: Owner<Connection>,
  connection: Connection,
  ip: string,
  host: string | undefined,
  ruled: ReadonlyMap<string, string>,
): Session {
  const { service } = owner;
  const local = { ip: normalIp(connection.localAddress), port: connection.localPort, host: service.hostname };
  const client = { ip, port: connection.remotePort, host: host ?? "" };
  const variables = service.relayLists.apply(ip, environment(local, client, service.variables, ruled));
  const session = new Session(connection.id, client, local, service.listener, variables, (line) => {
    connection.outgoing.write(`${line}\r\n`);
  });
  connection.conversation = new Conversation(service, session);
  connection.conversation.secure = connection.secure;
  if (connection.secure) {
    owner.secured(connection);
  }
  return session;
}
