/** `[smtp]`. */
import * as field from "./fields.ts";
import { lateSection, lateShape } from "./late.ts";
import * as text from "./texts.ts";

export const smtp = lateSection(
  lateShape({
    listen: () =>
      field.restart(
        field.listeners(
          ["127.0.0.1:2525"],
          'Addresses to listen on: "host:port", "[v6]:port", "*:port" for all addresses (IPv4 and IPv6), or "systemd" for sockets passed by systemd. []: no SMTP, only [[lookup]] services.',
          0,
        ),
      ),
    hostname: () =>
      field.textBy(
        text.hostNameRule,
        "",
        "Host name in greetings, EHLO replies and Received fields. Empty: the name of the machine.",
      ),
    workers: () =>
      field.restart(
        field.integerOr(1, 1, 64, "auto", 'Number of processes that serve, or "auto" for one per CPU core.'),
      ),
    max_message_size: () =>
      field.size(
        "25MB",
        'Maximum message size. Larger messages get 552, at MAIL if SIZE declares it, otherwise during DATA. "0B": unlimited.',
      ),
    max_recipients: () =>
      field.integer(100, 1, 10_000, "Maximum number of accepted recipients per message; further ones get 452."),
    greeting_delay: () =>
      field.duration(
        "100ms",
        "Delay before the greeting, to see who talks first. Clients with NOGOODMAILTO or RELAYCLIENT are not delayed.",
      ),
    early_talker: () =>
      field.choice(
        ["refuse", "refuse-permanent", "defer", "defer-permanent", "log"],
        "refuse",
        "What to do with a client that talks before the greeting. refuse: 421 in place of the greeting, and close. refuse-permanent: 554, and close. defer and defer-permanent: greet it, and reply 450 or 550 to every MAIL. log: only log it. In the last three cases checks and plugins see the session variable EARLYTALKER. Clients with NOGOODMAILTO or RELAYCLIENT, and whitelisted ones, may talk early.",
      ),
    early_talker_text: () => field.textBy(text.replyRule, "You talk too soon", "Text of these replies."),
    idle_timeout: () =>
      field.duration(
        "5m",
        "How long a client may be silent before it gets 421. RFC 5321 4.5.3.2.7 requires 5 minutes.",
        ["10ms", "30d"],
      ),
    max_connections: () =>
      field.restart(
        field.integer(1000, 1, 100_000, "Maximum number of concurrent sessions in all workers; further ones get 421."),
      ),
    max_connections_per_client: () =>
      field.restart(
        field.integer(
          50,
          1,
          100_000,
          "Maximum number of concurrent sessions per client address (IPv6: /64) in all workers.",
        ),
      ),
    bare_newlines: () =>
      field.choice(
        ["refuse", "normalise"],
        "refuse",
        "What to do with a message that has a bare CR, LF or NUL. refuse: 550 5.6.0. normalise: replace them with CRLF. Messages of clients with RELAYCLIENT are always normalised.",
      ),
    qpsmtpd_codes: () =>
      field.flag(
        false,
        "Refused messages get 552 or 452 from checks, as from qpsmtpd, instead of 554 or 451. To other servers, 552 means that a message is too large, and 452 that storage is full (RFC 5321 4.2.3).",
      ),
    lenient_helo: () =>
      field.choice(
        ["own", "all", "none"],
        "own",
        "Clients that may use blanks or UTF-8 in the name of HELO, and addresses without angle brackets or with blanks inside them. own: those with RELAYCLIENT, and all clients of a listener with auth. Others get 501. An underscore in the name is accepted from every client.",
      ),
    idn: () =>
      field.choice(
        ["relay", "all", "off"],
        "relay",
        "Clients that may write domains in UTF-8 in MAIL and RCPT: the relay uses their A-labels (xn--…), also towards the next hop. relay: those with RELAYCLIENT, and logged-in users. Others get 553, and so does a user part in UTF-8.",
      ),
    dsn: () =>
      field.choice(
        ["all", "own", "none"],
        "all",
        "Clients that are offered DSN (RFC 3461), where every next hop of every route is known to offer it: they say which delivery reports they want, and the next hop sends them. own: those with RELAYCLIENT, and all clients of a listener with auth. A report of success tells a stranger about the internal servers.",
      ),
    chunking: () =>
      field.flag(
        false,
        "Offer CHUNKING (RFC 3030): clients may send a message by BDAT, in chunks of a known size. Its line endings and its size are judged as with DATA, by which the next hop gets it. BINARYMIME is not offered.",
      ),
    smtputf8: () =>
      field.choice(
        ["all", "own", "none"],
        "all",
        "Clients that are offered SMTPUTF8 (RFC 6531), where no next hop of any route is known to lack it or 8BITMIME: their messages may have addresses in UTF-8. own: as in dsn. none: lookups do not know such addresses either.",
      ),
    reverse_lookup: () =>
      field.flag(
        false,
        "Look up and confirm the client's host name (TCPREMOTEHOST) before the greeting. If a client rule uses host names, this is always done.",
      ),
    status_folder: () =>
      field.restart(
        field.text(
          "/run/goodmailto",
          "Folder in which a running relay records which configuration and snapshot it has loaded, so that `goodmailto check` can warn if the files have changed; the systemd unit creates it. Missing or empty: nothing is recorded.",
          { isPlace: true },
        ),
      ),
    shutdown_timeout: () =>
      field.duration(
        "30s",
        "How long messages in transit, and after them copies that wait, may take to finish after SIGTERM.",
      ),
  }),
);
