/** The sections of services beside plain port 25: `[tls]`, `[auth]` and `[[listener]]`. See docs/submission.md. */
import * as z from "zod";

import * as field from "./fields.ts";

/** Our certificate. Without one, STARTTLS is not offered: the library's built-in key is public. */
export const tls = z.strictObject({
  cert: field.file("", "relay", "Our certificate with its chain (PEM). Empty: no STARTTLS. Read again at SIGHUP."),
  key: field.file("", "relay", "The certificate's private key (PEM)."),
  ca: field.file(
    "",
    "relay",
    "CA certificates (PEM) for client certificates: a client that shows a good one gets the session variable TLSCLIENTSUBJECT. Empty: none is asked for.",
  ),
  min_version: field.choice(["TLSv1.2", "TLSv1.3"], "TLSv1.2", "The oldest TLS that is spoken."),
});

/** Who may log in. Offered under TLS only, and only where a back end is configured. */
export const auth = z.strictObject({
  command: field.list(
    [],
    'A checkpassword program with its arguments (descriptor 3: user, password and a stamp; exit 0, 1, 2, 111). Our own "goodmailto checkpassword" binds to a directory. Asked after the password file, about users that it does not name.',
  ),
  passwords: field.file("", "relay", 'A file of "user:hash" lines made by `goodmailto passwd`.'),
  timeout: field.duration("20s", "Time limit of the checkpassword program.", ["10ms", "30d"]),
  relay: field.flag(true, "A logged-in session gets RELAYCLIENT and may send anywhere."),
  bypass: field.flag(true, "A logged-in session gets NOGOODMAILTO."),
  sender: field.choice(
    ["any", "own"],
    "any",
    "own: a logged-in client may use only senders that belong to its login; others get 553 5.7.1. Its own are the addresses of the directory's entry in which the login is an address or a short name, and what sender_map adds. The null sender is always taken.",
  ),
  sender_map: field.file(
    "",
    "relay",
    'Senders of logins, with sender = "own": "login: address address" a line; "@domain" is every address there, "*" any sender. Read again when it changes.',
  ),
  failure_delay: field.duration(
    "1s",
    "Wait before a wrong password is answered; doubled at each further failure of the client, to 30 s at most.",
  ),
  max_failures: field.integer(
    10,
    1,
    1000,
    "Wrong passwords of one client address (IPv6: /64) within failure_window; then 454 until it is over.",
  ),
  failure_window: field.duration("10m", "See max_failures.", ["1s", "30d"]),
});

/** One service with its own rules. Without any, there is one from `[smtp] listen`. */
export function listener<Checks extends z.ZodType>(checks: Checks) {
  return z.strictObject({
    name: field.restart(field.text("submission", "Its name in logs.", { required: true })),
    listen: field.restart(field.listeners(["127.0.0.1:2587"], "As in [smtp].")),
    tls: field.restart(
      field.choice(
        ["starttls", "implicit", "off"],
        "starttls",
        "starttls: offered where there is a certificate. implicit: TLS from the first byte (port 465).",
      ),
      (tls) => tls === "implicit",
    ),
    auth: field.flag(false, "Offer AUTH, under TLS."),
    rules: field.file("", "relay", "Client rules of this listener. Empty: those of [clients]."),
    variables: field.table(
      {},
      'Session variables of every client: { SPPCONFFILE = "control/msaplugins" }. A client rule overrides.',
    ),
    checks: checks.optional(),
  });
}
