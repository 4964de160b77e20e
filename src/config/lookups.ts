/** `[[lookup]]`: questions of other mail servers about recipients. See docs/lookups.md. */
import * as z from "zod";

import { groupNumber } from "../files/group.ts";
import { parseLookupPlace } from "../mail/lookup-place.ts";
import { lookupProtocols } from "../report/counters.ts";
import * as field from "./fields.ts";
import * as text from "./texts.ts";

const placeRule: field.TextRule = {
  allowed: '"host:port", "unix:/path" or "systemd"',
  fits: (text) => parseLookupPlace(text) !== undefined,
};
const modeRule: field.TextRule = {
  allowed: 'an octal file mode such as "0660"',
  fits: (text) => /^0?[0-7]{3}$/.test(text),
};
const groupRule: field.TextRule = {
  allowed: 'the name of a group of this machine, a number, or ""',
  fits: (text) => text === "" || groupNumber(text) !== undefined,
};

/** One service for other mail servers. */
export const lookup = z.strictObject({
  name: field.restart(
    field.textBy(text.nameRule, "postfix", "Name in logs, and of the sockets passed by systemd.", { required: true }),
  ),
  protocol: field.restart(
    field.choice(
      lookupProtocols,
      undefined,
      "Who asks, and how. socketmap: Postfix and sendmail, as a table. policy: Postfix, by check_policy_service. tcp: Postfix, by tcp_table. milter: sendmail and Postfix, at RCPT. exim: Exim, by readsocket. qd1: qpsmtpd's check_qmail_deliverable. http: anything, in JSON.",
    ),
  ),
  listen: field.restart(
    field.oneOrMore(
      placeRule,
      "unix:/run/goodmailto/postfix",
      'Where to answer: "host:port", "unix:/path", or "systemd" for sockets passed by systemd. Whoever can connect can test addresses against the list.',
      { required: true },
    ),
  ),
  mode: field.restart(field.textBy(modeRule, "0660", "File mode of Unix sockets.")),
  group: field.restart(
    field.textBy(
      groupRule,
      "",
      "Group of Unix sockets, one that the user of the relay belongs to. Empty: the user's own.",
    ),
  ),
  token_file: field.secretFile(
    "File with the bearer token that clients of protocol http must send. Empty: everybody who can connect may ask. Read again at SIGHUP.",
  ),
  max_connections: field.integer(
    500,
    1,
    100_000,
    "Maximum number of concurrent connections per worker; further ones are closed. Each has one question at a time in progress.",
  ),
  timeout: field.duration(
    "5s",
    "Time limit for a question to arrive once it has begun, and for its answer. A question without an answer by then gets the protocol's temporary error.",
    ["10ms", "5m"],
  ),
  idle_timeout: field.duration("10m", "How long a connection may be silent before it is closed.", ["10ms", "30d"]),
});
