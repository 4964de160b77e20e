/** What each section of the sample file is for. */
import { checks } from "../checks/registry.ts";

/** Dotted section name → sentence. A check's section is described by the check itself. */
export const sectionDocs: Readonly<Record<string, string>> = {
  smtp: "The relay's own SMTP service.",
  domains: "Whose mail we take.",
  clients: "Who the clients are.",
  snapshot: "The list of recipients.",
  recipients: "How a recipient is looked up, and what an unknown one is told.",
  sync: "How the list is made.",
  alert: "Who is told when the list cannot be renewed: once for every episode, and once when it is over.",
  pull: "How `goodmailto pull` fetches what [snapshot] pull names, in a fleet or where the inside may not push.",
  limits: "What a stranger can make us do, bounded.",
  dns: "The resolver that client host names, mx routes and all checks share.",
  control: "Where list files are looked for.",
  state: "What the relay remembers between sessions, and how workers count together.",
  log: "What is written to standard error.",
  metrics: "What a monitor reads.",
  tls: "Our certificate.",
  auth: "Who may log in. AUTH is offered by listeners with auth = true, under TLS.",
  checks:
    'Which checks run. Each has its section below; several instances of one are [[checks.NAME]] with a name each, and [checks] run has them as "CHECK:NAME". Besides its own settings every check has: mode = "enforce", "observe" (log the verdict but do not act on it), "later" (a refusal before RCPT is given at the next RCPT), "score" (a refusal adds points, and the check score refuses at a sum) or "off"; unless = whom it leaves alone, any of "relay client", "authenticated", "bypass", "whitelisted", "special recipient"; points = 1. A check that refuses also has: permanent = false (4xx instead of 5xx), close = true (end the session), reply = "another text".',
  route: "Where mail goes. The most specific domain wins; a recipient that no route fits gets 451.",
  publish: "Where the snapshot is carried to after each successful sync, and by `goodmailto publish`.",
  source: "Where recipients come from.",
  listener: "Several services in one process. Without any, [smtp] listen is the only one.",
  ...Object.fromEntries(checks.map((check) => [check.section ?? `checks.${check.name}`, check.doc])),
};
