/** `[[route]]`: the next hop of each domain. */
import * as z from "zod";

import * as field from "./fields.ts";
import { meantNextHop } from "./meant.ts";
import * as text from "./texts.ts";

/** One `[[route]]`. */
export const route = z.strictObject({
  domain: field.textBy(text.routeRule, "*", 'A domain, ".name" for all its subdomains, or "*" for all others.', {
    required: true,
  }),
  next_hop: field.oneOrMore(
    text.nextHopRule,
    "smtp://192.0.2.25:25",
    'Next hop: "smtp://host:port", "smtps://host:port" (TLS from the start), or "mx" for the mail exchangers of the domain. A list is tried in order, with every address of each.',
    { required: true, suggest: meantNextHop },
  ),
  tls: field.choice(
    ["off", "opportunistic", "require"],
    "off",
    "STARTTLS to the next hop. off: never. opportunistic: if offered, without verification. require: always, with a verified certificate.",
  ),
  tls_name: field.textBy(
    text.hostNameRule,
    "",
    "Name that the next hop's certificate must have, if next_hop is an address or another name. Empty: the host of next_hop.",
  ),
  ca_file: field.file(
    "",
    "relay",
    "File with the CA certificates (PEM) that may issue the next hop's certificate. Empty: those of the system.",
  ),
  replies: field.choice(
    ["mirror", "own"],
    "mirror",
    "How the next hop's replies are passed to clients. mirror: unchanged, including queue ids. own: its codes with texts of goodmailto, so that clients learn nothing about the internal network; the log has the original.",
  ),
  timeout: field.duration(
    "1m",
    "Timeout for connecting, for each reply of the next hop, and for waiting until a next hop that is full takes another connection. The client waits meanwhile; RFC 5321 4.5.3.2 allows 5 minutes.",
    ["10ms", "30d"],
  ),
  data_timeout: field.duration(
    "10m",
    "Timeout for the reply to the final dot. RFC 5321 4.5.3.2.6: 10 minutes, so that no message is sent twice.",
    ["10ms", "30d"],
  ),
});
