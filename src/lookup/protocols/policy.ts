/**
 * Postfix's policy delegation (SMTPD_POLICY_README): lines `name=value` up to an empty one, answered by `action=…` and
 * an empty line. Addresses come without quotes. Only RCPT is judged; a domain that is not ours is left to Postfix.
 */
import { normalIp } from "../../mail/network.ts";
import { after } from "../../smtp/session/outcome.ts";
import { BoundedMap } from "../../state/bounded-map.ts";
import { isReply, readSender, readUnquoted } from "../address.ts";
import { refusedByReply } from "../protocol.ts";
import type { Asker, Dialogue, Protocol, Taken } from "../protocol.ts";
import type { Client, LookupVerdict } from "../verdict.ts";

/** Some forty attributes, of which a certificate's subject may be long. */
const longest = 32_768;
/** Transactions of which the unknown recipients are counted. */
const mostTransactions = 100;
const dunno = "action=DUNNO\n\n";
const later = "action=450 4.3.0 Try again later\n\n";

type Attributes = ReadonlyMap<string, string>;

function take(input: Buffer): Taken<Attributes> | undefined {
  const end = input.indexOf("\n\n", 0, "latin1");
  if (end < 0) {
    return undefined;
  }
  const attributes = new Map<string, string>();
  for (const line of input.toString("latin1", 0, end).split("\n")) {
    const at = line.indexOf("=");
    if (at <= 0) {
      return { fault: "" };
    }
    attributes.set(line.slice(0, at), line.slice(at + 1));
  }
  return attributes.get("request") === "smtpd_access_policy" ? { request: attributes, octets: end + 2 } : { fault: "" };
}

function clientOf(attributes: Attributes): Client | undefined {
  const ip = normalIp(attributes.get("client_address") ?? "");
  const name = attributes.get("client_name") ?? "";
  return ip === "" || ip === "unknown"
    ? undefined
    : {
        ip,
        host: name === "unknown" ? "" : name,
        helo: attributes.get("helo_name") ?? "",
        login: attributes.get("sasl_username") ?? "",
      };
}

function open(): Dialogue<Attributes> {
  const unknown = new BoundedMap<string, number>(mostTransactions);
  return {
    take,
    answer: (attributes, asker) => {
      if (attributes.get("protocol_state") !== "RCPT") {
        return dunno;
      }
      const transaction = attributes.get("instance") ?? "";
      return after(ask(attributes, asker, unknown.get(transaction) ?? 0), (action) => {
        if (action.kind === "unknown" && transaction !== "") {
          unknown.set(transaction, (unknown.get(transaction) ?? 0) + 1);
        }
        const refusal = refusedByReply(action);
        return refusal === undefined ? dunno : `action=${refusal}\n\n`;
      });
    },
    later,
  };
}

function ask(attributes: Attributes, asker: Asker, unknownBefore: number): LookupVerdict | Promise<LookupVerdict> {
  const text = attributes.get("recipient") ?? "";
  const recipient = readUnquoted(text, asker.service);
  const who = { sender: readSender(attributes.get("sender") ?? ""), client: clientOf(attributes) };
  return isReply(recipient)
    ? asker.unread(text, recipient, who)
    : asker.ask({ recipient, sender: who.sender, client: who.client, unknownBefore });
}

export const policy: Protocol<Attributes> = { longest, refusal: refusedByReply, open };
