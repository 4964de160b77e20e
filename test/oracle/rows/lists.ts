/** DNS lists and host names. */
import type { Row } from "../row.ts";

export const lists: readonly Row[] = [
  {
    name: "dnsbl",
    plugins: "dnsbl",
    toml: "[checks.dnsbl]\ntest_points = false",
    files: {
      dnsbl_zones: "txt.example\na.example:listed: see http://a.example/?%IP%",
      dnsbl_allow: "127.0.0.4\n127.0.2",
    },
    dns: [
      "2.0.0.127.txt.example A 127.0.0.2",
      "2.0.0.127.txt.example TXT Spam source",
      "3.0.0.127.a.example A 127.0.0.2",
      "4.0.0.127.txt.example TXT Spam source",
      "7.2.0.127.txt.example TXT Spam source",
      "5.0.0.127.a.example A 10.0.0.1",
    ],
    cases: [
      { about: "listed by TXT", from: "127.0.0.2" },
      { about: "listed by A with a text", from: "127.0.0.3" },
      { about: "not listed" },
      { about: "listed and allowed", from: "127.0.0.4" },
      { about: "listed and allowed by its network", from: "127.0.2.7" },
      { about: "an A record that is no listing", from: "127.0.0.5" },
      { about: "postmaster of a listed client", from: "127.0.0.2", recipients: ["postmaster@kontor.example"] },
    ],
  },
  {
    name: "rhsbl",
    plugins: "rhsbl",
    files: { rhsbl_zones: "text.example does not accept bounces\ntxt.example" },
    dns: ["spam.example.text.example A 127.0.0.2", "bulk.example.txt.example TXT is a bulk mailer"],
    cases: [
      { about: "listed by A with a text", sender: "x@spam.example" },
      { about: "listed by TXT", sender: "x@bulk.example" },
      { about: "not listed", sender: "x@good.example" },
      { about: "null sender", sender: "" },
    ],
  },
  {
    name: "dnswl",
    plugins: "dns_whitelist_soft\nbadrcptto",
    run: ["dnswl", "badrcptto"],
    files: { whitelist_zones: "wl.example", badrcptto: "gone@kontor.example" },
    dns: ["2.0.0.127.wl.example TXT trusted", "3.0.0.127.wl.example A 127.0.9.1"],
    cases: [
      { about: "listed by TXT", from: "127.0.0.2", recipients: ["gone@kontor.example"] },
      { about: "listed by A alone", from: "127.0.0.3", recipients: ["gone@kontor.example"] },
      { about: "not listed", recipients: ["gone@kontor.example"] },
      { about: "listed, foreign domain", from: "127.0.0.2", recipients: ["x@far.example"] },
    ],
  },
  {
    name: "require_resolvable_client",
    plugins: "fcrdns reject 1",
    toml: '[checks.require_resolvable_client]\nmode = "observe"',
    files: {},
    dns: [
      "2.0.0.127.in-addr.arpa PTR mail.two.example",
      "mail.two.example A 127.0.0.2",
      "3.0.0.127.in-addr.arpa PTR mail.three.example",
    ],
    cases: [
      { about: "client whose name leads back", from: "127.0.0.2" },
      { about: "client whose name leads nowhere", from: "127.0.0.3" },
      { about: "client without a name", from: "127.0.0.4" },
    ],
  },
];
