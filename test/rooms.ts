/** The rooms of the source, lowest first: a file imports from its own room and from rooms above it in this table. */

/** One folder, without its subfolders. */
export interface Room {
  readonly folder: string;
  readonly holds: string;
}

const table: readonly (readonly [folder: string, holds: string])[] = [
  ["src/wait", "Waiting with an end: time limits, and places for so many at a time"],
  ["src/mail", "Words of the field: address, domain, reply, network, next hop"],
  ["src/report", "Interfaces of log, counters and observer"],
  ["src/files", "Files that are watched or replaced, and folders that are made"],
  ["src/state", "What is remembered, and counts that processes or relays share"],
  ["src/config", "The declarations of settings, the loader, the sample"],
  ["src/snapshot", "The format of the snapshot, its reader, the lookup"],
  ["src/traffic", "Who got mail, remembered in hashes for the guard of syncs"],
  ["src/trace", "The journal: refusals and deliveries, kept, pruned and searched"],
  ["src/otlp", "Traces for a collector, by OTLP"],
  ["src/dns", "Questions to name servers: lists, mail exchangers, host names"],
  ["src/deliverable", "qmail-deliverabled's questions and answers over HTTP"],
  ["src/scim", "The receiver of SCIM: requests, filters, changes, and what is kept of them"],
  ["src/message", "A message: header fields, MIME parts, changes, where it is held"],
  ["src/dkim", "Who a message is from: its signatures, DMARC, ARC; signing and the keys"],
  ["src/hooks", "The contract of a check, the session, the pipeline"],
  ["src/spp", "The host of qmail-spp plugins"],
  ["src/scanners", "Scanners of messages: daemons, programs, the breaker"],
  ["src/milter", "The client side of the milter protocol"],
  ["src/checks/recipient", "Checks of recipients: does the directory list them"],
  ["src/checks/envelope", "Checks of senders and recipients against lists of addresses"],
  ["src/checks/client", "Checks of the client, and of what was gathered against it"],
  ["src/checks/lists", "Checks that ask DNS lists"],
  ["src/checks/rate", "Checks that delay, and that count across sessions"],
  ["src/checks/auth", "Checks of logins"],
  ["src/checks/content", "Checks of messages"],
  ["src/checks/scanners", "Checks that ask scanners of messages"],
  ["src/checks/programs", "Programs as checks"],
  ["src/checks", "The registry of checks, printed"],
  ["src/clients", "Client rules"],
  ["src/auth/backends", "Password back ends: one contract, one file each"],
  ["src/auth", "Who may log in: the order of back ends, the guard against guessing, certificates"],
  ["src/smtp/harvest", "Defence against directory harvest"],
  ["src/smtp", "What all connections of a listener share"],
  ["src/smtp/message", "The message on its way from the client to the courier"],
  ["src/smtp/session", "The verbs of a session"],
  ["src/smtp/listener", "Sockets, TLS, connections"],
  ["src/transfer", "HTTPS and S3 with deadlines"],
  ["src/couriers/contract", "The contract of a courier, and the routes that lead to them"],
  ["src/couriers/smtp", "Next hops that speak SMTP or LMTP"],
  ["src/couriers", "Couriers by the scheme of next_hop, and their registry, printed"],
  ["src/pull", "Downloading a snapshot"],
  ["src/export", "The recipient list in the formats of other programs"],
  ["src/import", "Configurations of qpsmtpd and qmail as one of goodmailto"],
  ["src/observe", "Observe mode: verdicts beside the replies of the next hop"],
  ["src/demo", "The servers of `npm start`"],
  ["src/log", "Where log lines go: standard error, files, syslog"],
  ["src/ops", "The process: metrics, systemd, ports, workers"],
  ["src/lookup", "Questions of other mail servers: the verdict, tables, connections"],
  ["src/lookup/protocols", "How other mail servers ask, one protocol a file"],
  ["sync", "Words of a sync: source, entry, outcome"],
  ["sync/presets", "What carries an address in which directory"],
  ["sync/convert", "From an entry to lookup keys"],
  ["sync/sources", "Directory servers, Microsoft Graph and Google, databases, files and programs"],
  ["sync/live", "One address, asked of a directory now"],
  ["sync/read", "Reading all sources into a scratch file"],
  ["sync/list", "The new snapshot and its comparison with the previous one"],
  ["sync/traffic", "Who got mail, asked of the previous snapshot and of the new one"],
  ["sync/publish", "The new snapshot takes its place"],
  ["sync/remember", "Incidents and history"],
  ["sync/targets", "Pushing the snapshot to relays"],
  ["sync/judge", "The guards"],
  ["sync/run", "One run, full or incremental, and the schedule"],
  ["sync/alert", "Telling people of failures"],
  ["sync/look", "Probing a source"],
  ["src/compose", "From settings to running parts"],
  ["src/doctor", "What `goodmailto doctor` and `init` look at"],
  ["src/web/html", "Markup, charts and the frame of the status page"],
  ["src/web/pages", "The pages, each made of data that a verb prints too"],
  ["src/web", "The status page: who may see it, what is asked and answered, its thread"],
  ["src/drill", "The configuration in a sandbox, and what is broken there"],
  ["src/commands", "One file per verb"],
  ["src", "The entry"],
];

/** The rooms, lowest first. */
export const rooms: readonly Room[] = table.map(([folder, holds]) => ({ folder, holds }));

/** As docs/development.md shows them. */
export function printRooms(): string {
  return [
    "| room | holds |",
    "|---|---|",
    ...rooms.map(({ folder, holds }) => `| \`${folder}\` | ${holds} |`),
    "",
  ].join("\n");
}
