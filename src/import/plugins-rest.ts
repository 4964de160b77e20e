/** Plugins for logins, logs and configuration, and those that were for fun. */
import { means, nothing, toCheck, toSetting } from "./plugin.ts";
import type { Plugin } from "./plugin.ts";

const submission = "Logins belong to a `[[listener]]` of its own on port 587; docs/submission.md has one to copy.";

export const restPlugins: readonly Plugin[] = [
  {
    names: ["auth_checkpassword"],
    becomes: toSetting("auth", ["command"], ({ args }) => {
      const [program, last] = [args.get("checkpw"), args.get("true")];
      return program === undefined ? {} : { command: [program, last ?? "/bin/true"] };
    }),
    here: `The same program; the file \`smtpauth-checkpassword\` is \`command\`. ${submission}`,
  },
  {
    names: ["auth_flat_file"],
    becomes: toSetting("auth", ["passwords"]),
    here: `\`goodmailto passwd\` makes the file; passwords are hashed there, unless it is called with \`--plain\` (CRAM-MD5). ${submission}`,
  },
  { names: ["auth_vpopmail_sql"], becomes: toSetting("auth.sql", ["url"]), here: "The same table." },
  {
    names: ["auth_vpopmail", "auth_vpopmaild"],
    becomes: toSetting("auth", ["command"]),
    here: "vpopmail's own `vchkpw` as `command`.",
  },
  {
    names: ["auth_ldap_bind"],
    becomes: toSetting("auth", ["command"]),
    here: "`goodmailto checkpassword` as `command`: it binds to the directory.",
  },
  {
    names: ["authpam"],
    becomes: toSetting("auth.saslauthd", ["socket"]),
    here: "By saslauthd, which may read what PAM needs.",
  },
  {
    names: ["auth_smtpd"],
    becomes: toSetting("auth.smtp", ["url"]),
    here: "Verifies logins at the other SMTP server.",
  },
  { names: ["auth_imap"], becomes: toSetting("auth.imap", ["url"]), here: "Verifies logins at the IMAP server." },
  {
    names: ["auth_cvm_unix_local"],
    becomes: toSetting("auth", ["command"]),
    here: "A checkpassword program that asks the same users.",
  },
  { names: ["authdeny"], becomes: means, here: "Always so: a login that no back end accepts is refused." },
  {
    names: ["restrict_submission"],
    becomes: toCheck("authrequired"),
    here: "Belongs only to the `checks` of the `[[listener]]` for port 587; move it there.",
  },
  {
    names: ["http_config"],
    becomes: toSetting("control", ["urls"], ({ args }) => (args.words.length === 0 ? {} : { urls: [...args.words] })),
    here: "List files are fetched by a timer, never while a client waits.",
  },
  {
    names: ["idn"],
    becomes: toSetting("smtp", ["idn"], () => ({ idn: "relay" })),
    here: "Domains in UTF-8 become A-labels, for clients that may relay and logged-in users.",
  },
  {
    names: ["dont_require_anglebrackets"],
    becomes: toSetting("smtp", ["lenient_helo"], () => ({ lenient_helo: "all" })),
    here: "Addresses without angle brackets are taken from all clients.",
  },
  {
    names: ["parse_addr_withhelo"],
    becomes: means,
    here: "Always so: AUTH and SIZE need EHLO; otherwise HELO is enough.",
  },
  {
    names: ["connection_time"],
    becomes: toSetting("log", ["sessions"], () => ({ sessions: true })),
    here: "A line at the end of each session.",
  },
  {
    names: ["syslog"],
    becomes: toSetting("log", ["sinks"], () => ({ sinks: ["stderr", "syslog:udp:127.0.0.1:514"] })),
    here: "By UDP or TCP, RFC 5424; the socket /dev/log is not used, so the syslog server must listen on loopback.",
  },
  {
    names: ["warn", "file", "apache", "adaptive", "devnull", "connection_id", "transaction_id"],
    becomes: means,
    here: "The log goes to standard error, for multilog or journald, or where `[log] sinks` says: files too. `[log] format` sets its form.",
  },
  { names: ["stunnel"], becomes: means, here: "The `[tls]` of goodmailto takes its place." },
  { names: ["help", "quit_fortune", "random_error"], becomes: nothing, here: "Not needed to receive mail." },
];
