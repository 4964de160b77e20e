/** Clients and their names. */
import type { Row } from "../row.ts";

export const client: readonly Row[] = [
  {
    name: "badhelo",
    plugins: "helo",
    toml: "[checks.badhelo]\npatterns = true",
    files: { badhelo: "yahoo.com\nexact.example" },
    cases: [
      { about: "listed name", helo: "YAHOO.com" },
      { about: "name not listed", helo: "mx.good.example" },
      { about: "below a listed name", helo: "mail.yahoo.com" },
    ],
  },
  {
    name: "badhelo",
    plugins: "helo",
    toml: "[checks.badhelo]\npatterns = true",
    files: { badhelo: "^dsl-\\d+\\." },
    cases: [
      { about: "pattern", helo: "DSL-12.dyn.example" },
      { about: "no pattern matches", helo: "xdsl-12.dyn.example" },
    ],
  },
  {
    name: "whitelist",
    plugins: "whitelist\nbadmailfrom\nbadrcptto",
    run: ["whitelist", "badmailfrom", "badrcptto"],
    // qpsmtpd 0.94 leaves its whitelisted ones alone here; goodmailto if it is told.
    toml: '[checks.badmailfrom]\nfile = "badmailfrom"\nat = "mail"\nunless = ["whitelisted"]',
    files: {
      whitelisthosts: "127.0.0.2\n127.0.1.",
      whitelisthelo: "friend.example",
      whitelistsenders: "friend@spam.example\nfriendly.example",
      whitelistrcpt: "open@kontor.example",
      badmailfrom: "@spam.example no spam\n@friendly.example",
      badrcptto: "gone@kontor.example\nopen@kontor.example",
    },
    cases: [
      { about: "client by its address", from: "127.0.0.2", sender: "x@spam.example" },
      { about: "client by its network", from: "127.0.1.7", recipients: ["gone@kontor.example"] },
      { about: "client by the beginning of its address", from: "127.0.0.21", sender: "x@spam.example" },
      { about: "client that is not listed", sender: "x@spam.example" },
      { about: "name in HELO", helo: "friend.example", recipients: ["gone@kontor.example"] },
      { about: "sender", sender: "friend@spam.example" },
      { about: "sender's host", sender: "any@friendly.example", recipients: ["gone@kontor.example"] },
      { about: "recipient", recipients: ["open@kontor.example"] },
      { about: "null sender", sender: "", recipients: ["gone@kontor.example"] },
      { about: "whitelisted sender to a foreign domain", sender: "friend@spam.example", recipients: ["x@far.example"] },
      { about: "whitelisted client to a foreign domain", from: "127.0.0.2", recipients: ["x@far.example"] },
    ],
  },
];
