/** What a client does besides its envelope, and clients over IPv6. */
import type { Row } from "../row.ts";

const early = 'listen = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "1s"';

export const sessions: readonly Row[] = [
  {
    name: "early_talker",
    plugins: "earlytalker wait 1",
    run: [],
    toml: `[smtp]\n${early}\nearly_talker = "refuse-permanent"`,
    files: {},
    cases: [{ about: "talks before the greeting", early: "EHLO early.example" }, { about: "waits for the greeting" }],
  },
  {
    name: "early_talker",
    plugins: "earlytalker wait 1 reject_type temp",
    run: [],
    toml: `[smtp]\n${early}\nearly_talker = "refuse"`,
    files: {},
    cases: [{ about: "talks before the greeting, refused for now", early: "EHLO early.example" }],
  },
  {
    name: "early_talker",
    plugins: "earlytalker wait 1 reject 0",
    run: [],
    toml: `[smtp]\n${early}\nearly_talker = "log"`,
    files: {},
    cases: [{ about: "talks before the greeting, only logged", early: "NOOP" }],
  },
  {
    name: "session_unrecognized",
    plugins: "count_unrecognized_commands 4",
    run: [],
    toml: "[limits]\nsession_unrecognized = 4",
    files: {},
    cases: [
      { about: "third unknown command", commands: ["EHLO client.example", "FOO", "BAR", "BAZ"] },
      { about: "fourth unknown command", commands: ["EHLO client.example", "FOO", "BAR", "BAZ", "QUX"] },
      {
        about: "three unknown commands and a known one",
        commands: ["EHLO client.example", "FOO", "BAR", "BAZ", "NOOP"],
      },
      {
        about: "after the fourth unknown command",
        commands: ["EHLO client.example", "FOO", "BAR", "BAZ", "QUX", "NOOP"],
      },
    ],
  },
  {
    name: "relayclients",
    plugins: "relay",
    run: [],
    toml: '[clients]\nrelayclients = "relayclients"\nnorelayclients = "norelayclients"',
    ipv6: true,
    files: { relayclients: "2001:db8::1", norelayclients: "192.0.2.1" },
    cases: [{ about: "IPv6, relay domain" }, { about: "IPv6, foreign domain from ::1", recipients: ["x@far.example"] }],
  },
  {
    name: "badmailfrom",
    plugins: "badmailfrom",
    toml: '[checks.badmailfrom]\nfile = "badmailfrom"\nat = "mail"',
    ipv6: true,
    files: { badmailfrom: "bad@spam.example no" },
    cases: [{ about: "IPv6, listed address", sender: "bad@spam.example" }, { about: "IPv6, not listed" }],
  },
  {
    name: "whitelist",
    plugins: "whitelist\nbadrcptto",
    run: ["whitelist", "badrcptto"],
    ipv6: true,
    files: { whitelisthosts: "::1", badrcptto: "gone@kontor.example" },
    cases: [{ about: "IPv6, whitelisted client", recipients: ["gone@kontor.example"] }],
  },
];
