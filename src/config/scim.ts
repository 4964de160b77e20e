/** `[scim]`: the receiver to which Entra ID, Okta, Keycloak and others push users and groups. See docs/scim.md. */
import * as z from "zod";

import { parseEndpoint } from "../mail/network.ts";
import * as field from "./fields.ts";
import { pathRule } from "./texts.ts";

const listenRule: field.TextRule = { allowed: '"host:port"', fits: (text) => parseEndpoint(text) !== undefined };
const stored = "/var/lib/goodmailto-scim";

/** `goodmailto scim`. */
export const scim = z.strictObject({
  listen: field.restart(
    field.textBy(
      listenRule,
      "127.0.0.1:8997",
      "Where to receive, by HTTPS if there is a certificate. Without one, only on this machine.",
    ),
  ),
  folder: field.restart(
    field.textBy(
      pathRule,
      stored,
      'Folder of users.sqlite, in which what was pushed is kept, and which only `goodmailto scim` writes to. It is the url of the [[source]] of type "scim".',
      { isPlace: true },
    ),
  ),
  token_file: field.ownFile(
    "scim",
    "File with the bearer tokens that clients must send, one per line; several are valid at the same time, so that one can be replaced by the next. A file of the same name in $CREDENTIALS_DIRECTORY comes first, also for cert and key. Read again at SIGHUP.",
    { isPrivate: true },
  ),
  cert: field.ownFile(
    "scim",
    "File with the certificate and its chain (PEM). Read again at SIGHUP. Empty: plain HTTP.",
  ),
  key: field.ownFile("scim", "File with the private key of the certificate (PEM).", { isPrivate: true }),
  max_body: field.size("4MB", "Maximum size of a request. Larger ones get 413.", "1KiB"),
  max_entries: field.integer(
    200_000,
    1,
    10_000_000,
    "Maximum number of users and groups; further ones get 507. A group may have as many members.",
  ),
  max_connections: field.integer(100, 1, 10_000, "Maximum number of concurrent connections; further ones are closed."),
  timeout: field.duration("30s", "Time limit for a request to arrive, and for its answer.", ["1s", "10m"]),
});
