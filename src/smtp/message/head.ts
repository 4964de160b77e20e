/** The fields that the relay puts in front of a message: its trace, and what checks asked for before it came. */
import type { Session } from "../../hooks/session.ts";
import type { Mailbox } from "../../mail/address.ts";
import { receivedField } from "../../mail/received.ts";
import type { Service } from "../service.ts";

/** The fields that the relay puts in front for these recipients: wire form, one character per octet. */
export type Head = (recipients: readonly Mailbox[]) => string;

/** The header fields that the relay adds at the top. @param protocol for the Received field, RFC 3848 */
export function headOf(service: Service, session: Session, protocol: string): Head {
  const redirection = session.transaction?.redirection;
  const given = redirection === undefined ? session.headers : [...session.headers, redirection.header];
  const lines = given.map((line) => `${line.startsWith(".") ? "." : ""}${line}\r\n`).join("");
  const [{ helo, client, ref: id }, at] = [session, new Date(service.now())];
  return (recipients) => {
    const recipient = recipients.length === 1 ? recipients[0]?.raw : undefined;
    const { host, ip } = client;
    // A field name may begin with a dot; on the wire it is stuffed like any other line.
    return receivedField({ helo, host, ip, by: service.hostname, protocol, id, recipient, at }) + lines;
  };
}
