/**
 * Tells a next hop whose message it is about to get: XCLIENT, after which the hop treats that client as its own, or
 * XFORWARD, which it logs. Postfix's XCLIENT_README and XFORWARD_README.
 */
import type { ClientFacts, Origin } from "../../mail/courier.ts";
import { formatHop } from "../../mail/hop-endpoint.ts";
import type { Reply } from "../../mail/reply.ts";
import { toXtext } from "../../mail/xtext.ts";
import type { Route } from "../contract/routes.ts";
import { hopText, isSuccess } from "./fitting.ts";
import type { HopConnection } from "./hop-connection.ts";
import { HopFault } from "./hop-fault.ts";
import { hello } from "./introduction.ts";

/** Octets of a command with its CRLF, RFC 5321 4.5.3.1.4. */
const longestLine = 512;
/** Characters of a value. */
const longestValue = 255;
const unavailable = "[UNAVAILABLE]";
const unknownIp = "0.0.0.0";

type Attributes = Readonly<Record<string, (client: ClientFacts) => string>>;

const address = (ip: string): string => (ip.includes(":") ? `IPV6:${ip}` : ip === unknownIp ? "" : ip);
const portText = (port: number): string => (port === 0 ? "" : String(port));

const both: Attributes = {
  NAME: ({ host }) => (/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(host) ? host : ""),
  ADDR: ({ ip }) => address(ip),
  PORT: ({ port }) => portText(port),
  PROTO: ({ protocol }) => protocol,
  HELO: ({ helo }) => helo,
};

const attributes: Readonly<Record<"XCLIENT" | "XFORWARD", Attributes>> = {
  XCLIENT: {
    ...both,
    LOGIN: ({ login }) => login,
    DESTADDR: ({ local }) => address(local.ip),
    DESTPORT: ({ local }) => portText(local.port),
  },
  XFORWARD: { ...both, IDENT: ({ session }) => session, SOURCE: () => "REMOTE" },
};

/** The commands that tell a hop all that it wants to know: every attribute, so that none of the client before stays. */
export function forwardingLines(
  verb: "XCLIENT" | "XFORWARD",
  client: ClientFacts,
  features: ReadonlyMap<string, string>,
): readonly string[] {
  const offered = new Set((features.get(verb) ?? "").toUpperCase().split(" "));
  const lines: string[] = [];
  for (const [name, read] of Object.entries(attributes[verb])) {
    if (!offered.has(name)) {
      continue;
    }
    const value = toXtext(read(client));
    const word = `${name}=${value === "" || value.length > longestValue ? unavailable : value}`;
    const longer = `${lines.at(-1) ?? verb} ${word}`;
    if (lines.length > 0 && longer.length + 2 <= longestLine) {
      lines[lines.length - 1] = longer;
    } else {
      lines.push(`${verb} ${word}`);
    }
  }
  return lines;
}

/** The route with connections of its own for what has no client: none that a hop takes for a client's. */
export function clientWay(route: Route | undefined, { client }: Origin): Route | undefined {
  return route?.forwards === "xclient" && client === undefined
    ? { ...route, key: `${route.key} without client` }
    : route;
}

/** Tells the hop of this transaction's client if the route says so. @throws HopFault if it does not take that */
export async function forwardClient(
  connection: HopConnection,
  { forwards = "off" }: Route,
  client: ClientFacts | undefined,
  timeout: number,
): Promise<void> {
  if (forwards === "off" || client === undefined) {
    return;
  }
  await (forwards === "xclient"
    ? becomeClient(connection, client, timeout)
    : tell(connection, "XFORWARD", client, timeout, isSuccess));
}

async function becomeClient(connection: HopConnection, client: ClientFacts, timeout: number): Promise<void> {
  const key = JSON.stringify(client);
  if (connection.presentedAs === key) {
    return;
  }
  if (!connection.features.has("XCLIENT")) {
    if (connection.presentedAs !== undefined) {
      throw new HopFault(`Cannot use ${formatHop(connection.endpoint)}: it is another client's by XCLIENT`);
    }
    return;
  }
  // Whatever comes of it, it is nobody's else any more.
  connection.presentedAs = key;
  await tell(connection, "XCLIENT", client, timeout, (code) => code === 220);
  // The session begins again, with the client's own name if it is one for a command.
  const name = /^[!-~]{1,255}$/.test(client.helo) ? client.helo : connection.hostname;
  await hello(connection, connection.hostname, timeout, name);
}

/** A Postfix without IPv6 does not know such an address: it hears of a client whose address is unknown. */
async function tell(
  connection: HopConnection,
  verb: "XCLIENT" | "XFORWARD",
  client: ClientFacts,
  timeout: number,
  isRight: (code: number) => boolean,
): Promise<void> {
  const nowhere = { ...client, ip: unknownIp, local: { ...client.local, ip: unknownIp } };
  const refused = await ask(connection, forwardingLines(verb, client, connection.features), timeout, isRight);
  const again =
    refused?.code === 501 && client.ip.includes(":")
      ? await ask(connection, forwardingLines(verb, nowhere, connection.features), timeout, isRight)
      : refused;
  if (again !== undefined) {
    throw new HopFault(`Cannot use ${formatHop(connection.endpoint)}: ${verb} answered ${hopText(again)}`);
  }
}

/** @returns the first reply that is not right */
async function ask(
  connection: HopConnection,
  lines: readonly string[],
  timeout: number,
  isRight: (code: number) => boolean,
): Promise<Reply | undefined> {
  for (const line of lines) {
    const { reply } = await connection.command(line, timeout);
    if (!isRight(reply.code)) {
      return reply;
    }
  }
  return undefined;
}
