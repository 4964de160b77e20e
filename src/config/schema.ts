/** Every section of the configuration file with its keys, defaults and docstrings. The sample file is printed from here. */
import { isAbsolute } from "node:path";

import * as z from "zod";

import * as field from "./fields.ts";
import { meantEndpoint } from "./meant.ts";
import { guard } from "./guard.ts";
import { alert, sync } from "./sync-sections.ts";
import * as text from "./texts.ts";
import { publish, pull } from "./transfer.ts";
import { limits } from "./limits.ts";
import { log } from "./logging.ts";
import { lookup } from "./lookups.ts";
import { control, deliverabled, dns, state } from "./services.ts";
import { scim } from "./scim.ts";
import { source } from "./sources.ts";
import { trace } from "./trace.ts";
import { web } from "./web.ts";

const smtp = z.strictObject({
  listen: field.restart(
    field.listeners(
      ["127.0.0.1:2525"],
      'Addresses to listen on: "host:port", "[v6]:port", "*:port" for all addresses (IPv4 and IPv6), or "systemd" for sockets passed by systemd. []: no SMTP, only [[lookup]] services.',
      0,
    ),
  ),
  hostname: field.textBy(
    text.hostNameRule,
    "",
    "Host name in greetings, EHLO replies and Received fields. Empty: the name of the machine.",
  ),
  workers: field.restart(
    field.integerOr(1, 1, 64, "auto", 'Number of processes that serve, or "auto" for one per CPU core.'),
  ),
  max_message_size: field.size(
    "25MB",
    'Maximum message size. Larger messages get 552, at MAIL if SIZE declares it, otherwise during DATA. "0B": unlimited.',
  ),
  max_recipients: field.integer(
    100,
    1,
    10_000,
    "Maximum number of accepted recipients per message; further ones get 452.",
  ),
  greeting_delay: field.duration(
    "100ms",
    "Delay before the greeting, to see who talks first. Clients with NOGOODMAILTO or RELAYCLIENT are not delayed.",
  ),
  early_talker: field.choice(
    ["refuse", "refuse-permanent", "defer", "defer-permanent", "log"],
    "refuse",
    "What to do with a client that talks before the greeting. refuse: 421 in place of the greeting, and close. refuse-permanent: 554, and close. defer and defer-permanent: greet it, and reply 450 or 550 to every MAIL. log: only log it. In the last three cases checks and plugins see the session variable EARLYTALKER. Clients with NOGOODMAILTO or RELAYCLIENT, and whitelisted ones, may talk early.",
  ),
  early_talker_text: field.textBy(text.replyRule, "You talk too soon", "Text of these replies."),
  idle_timeout: field.duration(
    "5m",
    "How long a client may be silent before it gets 421. RFC 5321 4.5.3.2.7 requires 5 minutes.",
    ["10ms", "30d"],
  ),
  max_connections: field.restart(
    field.integer(1000, 1, 100_000, "Maximum number of concurrent sessions in all workers; further ones get 421."),
  ),
  max_connections_per_client: field.restart(
    field.integer(
      50,
      1,
      100_000,
      "Maximum number of concurrent sessions per client address (IPv6: /64) in all workers.",
    ),
  ),
  bare_newlines: field.choice(
    ["refuse", "normalise"],
    "refuse",
    "What to do with a message that has a bare CR, LF or NUL. refuse: 550 5.6.0. normalise: replace them with CRLF. Messages of clients with RELAYCLIENT are always normalised.",
  ),
  qpsmtpd_codes: field.flag(
    false,
    "Refused messages get 552 or 452 from checks, as from qpsmtpd, instead of 554 or 451. To other servers, 552 means that a message is too large, and 452 that storage is full (RFC 5321 4.2.3).",
  ),
  lenient_helo: field.choice(
    ["own", "all", "none"],
    "own",
    "Clients that may use blanks or UTF-8 in the name of HELO, and addresses without angle brackets or with blanks inside them. own: those with RELAYCLIENT, and all clients of a listener with auth. Others get 501. An underscore in the name is accepted from every client.",
  ),
  idn: field.choice(
    ["relay", "all", "off"],
    "relay",
    "Clients that may write domains in UTF-8 in MAIL and RCPT: the relay uses their A-labels (xn--…), also towards the next hop. relay: those with RELAYCLIENT, and logged-in users. Others get 553, and so does a user part in UTF-8.",
  ),
  dsn: field.choice(
    ["all", "own", "none"],
    "all",
    "Clients that are offered DSN (RFC 3461), where every next hop of every route is known to offer it: they say which delivery reports they want, and the next hop sends them. own: those with RELAYCLIENT, and all clients of a listener with auth. A report of success tells a stranger about the internal servers.",
  ),
  chunking: field.flag(
    false,
    "Offer CHUNKING (RFC 3030): clients may send a message by BDAT, in chunks of a known size. Its line endings and its size are judged as with DATA, by which the next hop gets it. BINARYMIME is not offered.",
  ),
  smtputf8: field.choice(
    ["all", "own", "none"],
    "all",
    "Clients that are offered SMTPUTF8 (RFC 6531), where no next hop of any route is known to lack it or 8BITMIME: their messages may have addresses in UTF-8. own: as in dsn. none: lookups do not know such addresses either.",
  ),
  reverse_lookup: field.flag(
    false,
    "Look up and confirm the client's host name (TCPREMOTEHOST) before the greeting. If a client rule uses host names, this is always done.",
  ),
  status_folder: field.restart(
    field.text(
      "/run/goodmailto",
      "Folder in which a running relay records which configuration and snapshot it has loaded, so that `goodmailto check` can warn if the files have changed; the systemd unit creates it. Missing or empty: nothing is recorded.",
    ),
  ),
  shutdown_timeout: field.duration(
    "30s",
    "How long messages in transit, and after them copies that wait, may take to finish after SIGTERM.",
  ),
});

const domains = z.strictObject({
  relay: field.listBy(
    text.domainRule,
    [],
    'Domains to accept mail for, as in qmail\'s rcpthosts: exact names; ".example.org" matches all subdomains of example.org, but not example.org itself.',
  ),
  aliases: field.table({}, 'Alias domains, each mapped to its relay domain: "kontor.test" = "kontor.example".'),
});

const clients = z.strictObject({
  rules: field.file(
    "",
    "relay",
    "File of client rules in tcprules form (config/tcp.smtp is an example). Empty: no client is trusted.",
  ),
  relayclients: field.listFile(
    "File of clients that may relay (RELAYCLIENT), in qpsmtpd's format: an address, a prefix (192.168. or 2001:db8:) or a block per line. Applied after the client rules, for every listener. A name without a folder is looked for in [control] folders. ::1 is only included if it is listed.",
  ),
  morerelayclients: field.listFile("The same as a cdb file whose keys are addresses and prefixes."),
  norelayclients: field.listFile(
    "File of clients that may not relay, in the same format: removes RELAYCLIENT, wherever it comes from.",
  ),
});

const snapshot = z.strictObject({
  path: field.restart(
    field.textBy(
      text.pathRule,
      "/var/lib/goodmailto/snapshot.sqlite",
      "Path of the snapshot file: sync replaces it, the relay reads it.",
    ),
  ),
  max_age: field.restart(
    field.duration("1d", "Age at which a snapshot counts as stale in status, log and metrics. It stays in use."),
  ),
  key_file: field.file(
    "",
    "relay",
    "File with the HMAC secret (`goodmailto keygen --hmac`), for both sync and relay: sync then stores hashes instead of addresses. Empty: addresses are stored as text.",
  ),
  signing_key_file: field.file(
    "",
    "sync",
    "File with the private key (`goodmailto keygen`) with which sync signs. A relative name is looked for in $CREDENTIALS_DIRECTORY first. Empty: not signed.",
  ),
  public_key_file: field.file(
    "",
    "relay",
    "File with the public keys (PEM) that may sign snapshots; an unsigned, altered or older snapshot is refused. Empty: signatures are not verified.",
  ),
  newest_file: field.restart(
    field.text(
      "",
      "File in which the relay remembers the time of the newest signed snapshot across restarts; the relay must be able to write to its folder. Empty: in memory.",
    ),
  ),
  copy_folder: field.restart(
    field.text(
      "",
      "Folder for the relay's own verified copy of a snapshot of more than 8 MB, which all its processes share in memory; nobody else may write there. Empty: $CACHE_DIRECTORY, which systemd sets, otherwise the status_folder of [smtp]. If it is not usable, each process keeps the snapshot in its own memory.",
    ),
  ),
  canary: field.duration(
    "0s",
    'How long this relay, and whatever else serves by this file, keeps the previous snapshot while others in the fleet try a new one, such as "15m"; it accepts the recipients of both meanwhile. Set it on all relays but one or two, the canaries, and for sync, which takes a snapshot back if they refuse recipients that recently got mail. 0s: a new snapshot is used at once.',
    ["0s", "1d"],
  ),
  served_file: field.text(
    "/var/lib/goodmailto-relay/served.snapshot",
    "Where a relay with `canary` keeps a copy of the snapshot that it uses, so that it still has it if it is restarted while a new one waits. If its folder does not exist, or this is empty, one of those that [sync] keep leaves beside the snapshot is used, if there is one, otherwise the new one at once.",
  ),
  pull: field.textBy(
    text.placeRule,
    "",
    'URL from which `goodmailto pull` downloads the snapshot: "https://host/path" or "s3://bucket/object".',
  ),
});

/** The collector reads no other name. */
const textfileRule: field.TextRule = {
  allowed: 'the absolute path of a file that ends in ".prom", or ""',
  fits: (path) => path === "" || (isAbsolute(path) && path.endsWith(".prom") && !path.includes("\0")),
};

const metrics = z.strictObject({
  listen: field.restart(
    field.textBy(
      text.endpointRule,
      "",
      'Address at which to serve /metrics (Prometheus), /healthz and /readyz by HTTP, such as "127.0.0.1:9525". Empty: none.',
      { suggest: meantEndpoint },
    ),
  ),
  textfile: field.textBy(
    textfileRule,
    "",
    'File that each full sync replaces with its metrics, for the textfile collector of node_exporter, such as "/var/lib/prometheus/node-exporter/goodmailto.prom". Empty: none.',
  ),
});

/** The sections that every goodmailto has; checks add `[checks.NAME]`, see sections.ts. */
export const coreSections = {
  smtp,
  domains,
  clients,
  snapshot,
  sync,
  alert,
  log,
  trace,
  limits,
  dns,
  state,
  control,
  deliverabled,
  scim,
  metrics,
  web,
  pull,
  guard,
} as const;
/** Sections that may occur several times. */
export const coreLists = { source, publish, lookup } as const;

export type { PublishSettings, PullSettings } from "./transfer.ts";
export type { SourceSettings } from "./sources.ts";
export type { RecipientSettings } from "./recipients.ts";
export type SyncSettings = z.infer<typeof sync>;
