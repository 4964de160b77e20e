/** The sections of services beside plain port 25: `[tls]`, `[auth]` and `[[listener]]`. See docs/submission.md. */
import * as z from "zod";

import { authShape } from "./back-ends.ts";
import type { AuthTable, BackEndSettings } from "./back-ends.ts";
import * as field from "./fields.ts";
import * as text from "./texts.ts";

/** The certificate. Without one, STARTTLS is not offered: the library's built-in key is public. */
export const tls = z.strictObject({
  cert: field.file(
    "",
    "relay",
    "File with the certificate and its chain (PEM). Empty: no STARTTLS. Read again at SIGHUP.",
  ),
  key: field.file("", "relay", "File with the private key of the certificate (PEM)."),
  ca: field.file(
    "",
    "relay",
    "File with the CA certificates (PEM) for client certificates: a client with a valid one gets the session variable TLSCLIENTSUBJECT. Empty: clients are not asked for one.",
  ),
  min_version: field.choice(["TLSv1.2", "TLSv1.3"], "TLSv1.2", "Minimum TLS version."),
});

/** What `[auth]` has whatever back ends there are. */
const core = {
  timeout: field.duration(
    "20s",
    "Time limit of one login by passwords or command; then the back end counts as unavailable.",
    ["10ms", "30d"],
  ),
  mechanisms: field.choices(
    ["PLAIN", "LOGIN", "CRAM-MD5"],
    ["PLAIN", "LOGIN"],
    "Methods that AUTH offers. CRAM-MD5 only if every back end in the order holds passwords in clear.",
  ),
  relay: field.flag(true, "Set RELAYCLIENT for a logged-in session, which may then send anywhere."),
  bypass: field.flag(true, "Set NOGOODMAILTO for a logged-in session."),
  sender: field.choice(
    ["any", "own"],
    "any",
    "Senders that a logged-in client may use. own: only those that belong to its login; others get 553 5.7.1. These are the addresses of the directory entry in which the login is an address or a short name, and those in sender_map. The null sender is always accepted.",
  ),
  sender_map: field.file(
    "",
    "relay",
    'File that adds senders to logins for sender = "own", one "login: address address" per line; "@domain" matches every address of the domain, "*" any sender. Read again when it changes.',
  ),
  failure_delay: field.duration(
    "1s",
    "Delay of the reply to a wrong password; doubled with each further failure of the client, up to 30 s.",
  ),
  max_failures: field.integer(
    10,
    1,
    1000,
    "Maximum number of wrong passwords per client address (IPv6: /64) within failure_window; then 454 until the window is over.",
  ),
  failure_window: field.duration("10m", "Time window of max_failures.", ["1s", "30d"]),
};

/** Who may log in. Offered under TLS only, and only if a back end is configured. */
export function authSection(backEnds: readonly BackEndSettings[]) {
  return z.strictObject({ ...authShape(backEnds), ...core });
}

/** `[auth]`: how logins are treated, and the settings of each back end. */
export type AuthSettings = z.infer<z.ZodObject<typeof core>> & AuthTable;

/** One service with its own rules. Without any, there is one from `[smtp] listen`. */
export function listener<Checks extends z.ZodType>(checks: Checks) {
  return z.strictObject({
    name: field.restart(field.textBy(text.nameRule, "submission", "Name in logs.", { required: true })),
    listen: field.restart(field.listeners(["127.0.0.1:2587"], "As in [smtp].")),
    tls: field.restart(
      field.choice(
        ["starttls", "implicit", "off"],
        "starttls",
        "When to use TLS. starttls: offered if there is a certificate. implicit: from the first byte (port 465). off: never.",
      ),
      (tls) => tls === "implicit",
    ),
    auth: field.flag(false, "Offer AUTH, under TLS."),
    proxy_from: field.listBy(
      text.networkRule,
      [],
      "Proxies, such as haproxy, that begin each connection with a PROXY header (version 1 or 2): addresses and blocks. The client of the header is the client of the session in every respect. A proxy that speaks for itself (LOCAL, UNKNOWN) is the client; one that sends no header within 10 seconds is disconnected. Connections from elsewhere are ordinary clients.",
    ),
    xclient_from: field.listBy(
      text.networkRule,
      [],
      "Clients that may speak for others by XCLIENT, such as nginx or a Postfix in front: addresses and blocks. Only they are offered the command. The client that they name is the client of the session in every respect. What they say by XFORWARD is logged.",
    ),
    xclient_login: field.flag(
      false,
      "Believe LOGIN of XCLIENT: such a session is logged in, with all rights of [auth], and no password was asked for.",
    ),
    rules: field.file("", "relay", "Client rules of this listener. Empty: those of [clients]."),
    variables: field.table(
      {},
      'Session variables for every client: { SPPCONFFILE = "control/msaplugins" }. Client rules override them.',
    ),
    checks,
  });
}
