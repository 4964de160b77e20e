/** What each section of the sample file is for. */
import { backEnds } from "../auth/backends/registry.ts";
import { checks } from "../checks/all.ts";

/** Dotted section name → sentence. A check's section is described by the check itself. */
export const sectionDocs: Readonly<Record<string, string>> = {
  smtp: "The relay's own SMTP service.",
  domains: "The domains of this relay.",
  clients: "Who the clients are.",
  snapshot: "The list of recipients.",
  recipients: "How a recipient is looked up, and the reply to an unknown one.",
  sync: "How the sync makes the snapshot.",
  alert: "Alerts when the list cannot be renewed: one per incident, and one when it is over.",
  pull: "How `goodmailto pull` downloads the snapshot named in [snapshot] pull, for a fleet or if the internal network may not push.",
  limits: "Limits on what a client can use.",
  dns: "The resolver for client host names, mx routes and all checks.",
  control: "List files of checks.",
  deliverabled:
    "`goodmailto deliverabled`: answers on the internal network whether a recipient exists, for [recipients] live, the check deliverabled and qpsmtpd.",
  scim: '`goodmailto scim`: receives users and groups that an identity provider pushes by SCIM 2.0, for a [[source]] of type "scim".',
  state: "What the relay remembers between sessions, and how workers count together.",
  log: "The log, on standard error.",
  metrics: "Metrics for monitoring.",
  web: "The status page, for a browser.",
  tls: "The relay's certificate.",
  auth: "Logins. Listeners with auth = true offer AUTH, under TLS only.",
  checks:
    'Which checks run. Each has its section below; several instances of one are [[checks.NAME]] sections with a name each, listed in [checks] run as "CHECK:NAME". Besides its own settings every check has: mode = "enforce", "observe" (log the verdict but do not act on it), "later" (a refusal before RCPT is given at the next RCPT), "score" (a refusal adds points, and the check score refuses at a sum) or "off"; unless = who is exempt, any of "relay client", "authenticated", "bypass", "whitelisted", "special recipient"; points = 1. A check that refuses also has: permanent = false (4xx instead of 5xx), close = true (end the session), reply = "another text".',
  domain:
    "What holds for the recipients of one relay domain, in place of [recipients]: so one domain may enforce while another observes. The most specific name is used. Where its mail goes stays with [[route]].",
  route: "Where mail goes. The most specific domain is used; a recipient without a route gets 451.",
  copy: "Where a copy of each message goes, after the next hop of its route has accepted it and the client has its 250. Settings as in [[route]]. A copy is sent once: if that fails, only the log tells of it. At most 100 copies wait.",
  publish: "Where the snapshot is pushed to after each successful sync, and by `goodmailto publish`.",
  source: "A source of recipients.",
  lookup:
    "A service for other mail servers, which ask whether a recipient exists: the same verdict as at RCPT, from the checks that answer for an address alone.",
  listener: "A service of its own, so that one process can have several. Without any, [smtp] listen is the only one.",
  ...Object.fromEntries(backEnds.map(({ name, doc }) => [`auth.${name}`, doc])),
  "checks.dkimsign.key": "A key of dkimsign. `goodmailto keygen --dkim` makes it.",
  ...Object.fromEntries(
    checks.map((check) => [check.section ?? `checks.${check.name}`, `${check.doc} ${check.failure}`]),
  ),
};
