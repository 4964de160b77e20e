/** What a mail server sends to a milter: the data of its commands. Addresses have their angle brackets. */
import { isIPv6 } from "node:net";

import type { Peer } from "../hooks/check-session.ts";
import type { Mailbox } from "../mail/address.ts";
import { octetsOf } from "../mail/octets.ts";
import { packet, text } from "./packet.ts";

/** Letters of the commands that have an answer. */
export type CommandLetter = "C" | "H" | "M" | "R" | "T" | "L" | "N" | "B" | "E" | "U";

/** Offers version, actions and wishes. */
export function offer(version: number, actions: number, wishes: number): Buffer {
  const data = Buffer.alloc(12);
  data.writeUInt32BE(version, 0);
  data.writeUInt32BE(actions, 4);
  data.writeUInt32BE(wishes, 8);
  return packet("O", data);
}

/** A client without a name is "[address]", as in Sendmail. */
export function nameOf({ host, ip }: Peer): string {
  return host === "" ? `[${ip}]` : host;
}

export function connectionData(client: Peer): Buffer {
  const port = Buffer.alloc(2);
  port.writeUInt16BE(client.port);
  const family = isIPv6(client.ip) ? "6" : "4";
  return Buffer.concat([text(nameOf(client)), Buffer.from(family), port, text(client.ip)]);
}

/** @param mailbox undefined is the null sender @param parameters of ESMTP */
export function addressData(mailbox: Mailbox | undefined, parameters: readonly string[] = []): Buffer {
  return Buffer.concat([`<${mailbox?.raw ?? ""}>`, ...parameters].map((word) => text(octetsOf(word))));
}

/** A header field. Folded values have LF between their lines. */
export function headerData(name: string, value: string): Buffer {
  return Buffer.concat([text(name), text(value)]);
}

/** Macros for the command that follows. */
export function macroData(command: CommandLetter, macros: ReadonlyMap<string, string>): Buffer {
  const pairs = [...macros].flatMap(([name, value]) => [text(name), text(value)]);
  return packet("D", Buffer.from(command), ...pairs);
}
