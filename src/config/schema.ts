/** Every section of the configuration file with its keys, defaults and docstrings. The sample file is printed from here. */
import * as z from "zod";

import * as field from "./fields.ts";
import { meantEndpoint } from "./meant.ts";
import { alert, sync } from "./sync-sections.ts";
import { route } from "./routes.ts";
import * as text from "./texts.ts";
import { publish, pull } from "./transfer.ts";
import { limits } from "./limits.ts";
import { control, dns, state } from "./services.ts";

const smtp = z.strictObject({
  listen: field.restart(
    field.listeners(
      ["127.0.0.1:2525"],
      'Where to listen: "host:port", "[v6]:port", "*:port" for every address (IPv4 and IPv6), or "systemd" for sockets that systemd hands over.',
    ),
  ),
  hostname: field.textBy(
    text.hostNameRule,
    "",
    "Our name in greetings, EHLO answers and Received fields. Empty: the machine's name.",
  ),
  workers: field.restart(
    field.integerOr(1, 1, 64, "auto", 'Processes that serve: a number, or "auto" for one a core.'),
  ),
  max_message_size: field.size(
    "25MB",
    'Larger messages are refused with 552, at MAIL where SIZE says so, else while they stream. "0B" is no limit.',
  ),
  max_recipients: field.integer(100, 1, 10_000, "Accepted recipients a message; the next one gets 452."),
  greeting_delay: field.duration(
    "100ms",
    "Wait before the greeting for strangers; who talks before it is turned away. None for clients with NOGOODMAILTO or RELAYCLIENT.",
  ),
  idle_timeout: field.duration(
    "5m",
    "A client that is silent for so long gets 421. RFC 5321 4.5.3.2.7 asks for 5 minutes.",
    ["10ms", "30d"],
  ),
  max_connections: field.restart(
    field.integer(1000, 1, 100_000, "Sessions at a time in all workers; the next one gets 421."),
  ),
  max_connections_per_client: field.restart(
    field.integer(50, 1, 100_000, "Sessions at a time of one client address (IPv6: /64) in all workers."),
  ),
  bare_newlines: field.choice(
    ["refuse", "normalise"],
    "refuse",
    "A message with a bare CR, LF or NUL: refused with 550 5.6.0, or its line ends made whole. Clients with RELAYCLIENT are always normalised.",
  ),
  lenient_helo: field.choice(
    ["own", "all", "none"],
    "own",
    "Who may say HELO with blanks or UTF-8 in the name, and give addresses without angle brackets or with blanks inside them. own: clients with RELAYCLIENT, and all clients of a listener with auth. Others get 501.",
  ),
  reverse_lookup: field.flag(
    false,
    "Look up the client's host name (TCPREMOTEHOST), forward-confirmed, before the greeting. Done in any case where a client rule asks for host names.",
  ),
  status_folder: field.restart(
    field.text(
      "/run/goodmailto",
      "Where a running relay notes which configuration and list it has loaded, so that `goodmailto check` can say when they are not those in the files; the systemd unit makes it. Missing or empty: nowhere.",
    ),
  ),
  shutdown_timeout: field.duration("30s", "After SIGTERM, messages in flight have so long to finish."),
});

const domains = z.strictObject({
  relay: field.listBy(
    text.domainRule,
    [],
    'The domains whose mail we take, as qmail\'s rcpthosts: exact names; ".example.org" is all below it, not itself.',
  ),
  aliases: field.table({}, 'Domains that stand for a relay domain: "kontor.test" = "kontor.example".'),
});

const clients = z.strictObject({
  rules: field.file(
    "",
    "relay",
    "Client rules in tcprules form (config/tcp.smtp is an example). Empty: every client is a stranger.",
  ),
  relayclients: field.listFile(
    "Clients that may relay (RELAYCLIENT), in qpsmtpd's form: an address, a prefix (192.168. or 2001:db8:) or a block per line. Counts after the rules, for every listener. A name without a folder is looked for in [control] folders. ::1 is in it only if it is written there.",
  ),
  morerelayclients: field.listFile("The same as a cdb map, whose keys are addresses and prefixes."),
  norelayclients: field.listFile(
    "Clients that may not relay, in the same form: takes RELAYCLIENT away, whoever gave it.",
  ),
});

const snapshot = z.strictObject({
  path: field.restart(
    field.textBy(
      text.pathRule,
      "/var/lib/goodmailto/snapshot.sqlite",
      "The snapshot file: sync replaces it, the relay reads it.",
    ),
  ),
  max_age: field.restart(
    field.duration("1d", "An older snapshot is still served, but status, log and metrics call it stale."),
  ),
  key_file: field.file(
    "",
    "relay",
    "The secret of a keyed snapshot (`goodmailto keygen --hmac`), on both sides: sync then stores hashes instead of addresses. Empty: plain.",
  ),
  signing_key_file: field.file(
    "",
    "sync",
    "The private key (`goodmailto keygen`) with which sync signs. A relative name is looked for in $CREDENTIALS_DIRECTORY first. Empty: not signed.",
  ),
  public_key_file: field.file(
    "",
    "relay",
    "Public keys (PEM), of which one must have signed a new snapshot; an unsigned, altered or older one is refused. Empty: anybody's is taken.",
  ),
  newest_file: field.restart(
    field.text(
      "",
      "Where the relay remembers the newest signed snapshot beyond a restart; in a folder that it may write to. Empty: in memory.",
    ),
  ),
  pull: field.textBy(
    text.placeRule,
    "",
    'From where `goodmailto pull` fetches the snapshot: "https://host/path" or "s3://bucket/object".',
  ),
});

const source = z.strictObject({
  name: field.text("domino", "Its name in logs, status and the snapshot.", { required: true }),
  type: field.choice(
    ["ldap", "ldif", "list", "cdb"],
    undefined,
    "A directory server, an LDIF file, a control/goodmailto file (user parts, addresses, or @domain for everybody there, one a line), or John Simpson's validrcptto.cdb with its wildcards.",
  ),
  preset: field.choice(
    ["domino", "active-directory", "openldap", "389ds", "zimbra", "qmail-ldap", "univention", "generic"],
    "generic",
    "Which attributes hold addresses, and how.",
  ),
  url: field.listBy(
    text.sourceUrlRule,
    ["ldap://192.0.2.10:389"],
    'Tried in order: "ldap://", "ldaps://", "ldapi:///run/slapd/ldapi"; for ldif, list and cdb the path of the file.',
    { required: true },
    1,
  ),
  bind_dn: field.text("", 'Who asks. Empty: anonymous. "EXTERNAL": SASL EXTERNAL (ldapi, or a client certificate).'),
  password_file: field.file(
    "",
    "sync",
    "First line is the password of bind_dn. A relative name is looked for in $CREDENTIALS_DIRECTORY first.",
  ),
  base: field.text("", "Search base. Empty is right for Domino."),
  filter: field.text("", "Search filter. Empty: the preset's."),
  attributes: field.listBy(text.schemaNameRule, [], "Attributes that hold addresses, instead of the preset's."),
  resource_classes: field.listBy(
    text.schemaNameRule,
    [],
    "Further object classes of rooms and resources, beside the preset's: read, and listed as kind resource.",
  ),
  domains: field.list(
    [],
    "Relay domains that this source may speak for, and in which its short names are valid. Empty: all.",
  ),
  starttls: field.flag(false, "StartTLS on ldap://. The certificate is verified; there is no fall back to plain."),
  ca_file: field.file("", "sync", "CA certificates (PEM) for ldaps and StartTLS. Empty: the system's."),
  page_size: field.integer(1000, 1, 100_000, "Entries a page (RFC 2696)."),
  timeout: field.duration("30s", "For the connection and for every answer.", ["10ms", "30d"]),
  lookup: field.choice(
    ["fullname", "local", "both"],
    "both",
    "Domino's Address lookup setting: which forms of a name deliver.",
  ),
  changes: field.choice(
    ["preset", "none", "modifyTimestamp", "entryCSN", "uSNChanged"],
    "preset",
    "By which attribute [sync] delta finds what is new. none: only full syncs do; so too with the preset domino.",
  ),
  notes_domain: field.text("", "Domino: the Notes domain whose user%DOMAIN forms are accepted."),
});

const log = z.strictObject({
  format: field.restart(
    field.choice(
      ["plain", "json", "tai64n"],
      "plain",
      "plain: for multilog or the journal. tai64n: the same with a stamp. json: one object a line.",
    ),
  ),
  level: field.restart(
    field.choice(["debug", "info", "warning", "error"], "info", "The least that is written. Verdicts are info."),
  ),
});

const metrics = z.strictObject({
  listen: field.restart(
    field.textBy(
      text.endpointRule,
      "",
      'Where to serve /metrics (Prometheus), /healthz and /readyz by HTTP, as "127.0.0.1:9525". Empty: nowhere.',
      { suggest: meantEndpoint },
    ),
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
  limits,
  dns,
  state,
  control,
  metrics,
  pull,
} as const;
/** Sections that may occur several times. */
export const coreLists = { route, source, publish } as const;

export type { PublishSettings, PullSettings } from "./transfer.ts";
export type Route = z.infer<typeof route>;
export type SourceSettings = z.infer<typeof source>;
export type { RecipientSettings } from "./recipients.ts";
export type SyncSettings = z.infer<typeof sync>;
