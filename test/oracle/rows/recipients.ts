/** Recipients. */
import type { Row } from "../row.ts";

export const recipients: readonly Row[] = [
  {
    name: "badrcptto",
    plugins: "badrcptto",
    toml: "[checks.badrcptto]\npatterns = true",
    files: {
      badrcptto:
        "Gone@kontor.example\n@kontor.test\nleft@kontor.example has left us\n^info-\\d+@ numbers\nno-address\n.*%.*@ percent",
    },
    cases: [
      { about: "listed address", recipients: ["GONE@Kontor.Example"] },
      { about: "listed host", recipients: ["any@kontor.test"] },
      { about: "listed address with a reason", recipients: ["left@kontor.example"] },
      { about: "pattern with a reason", recipients: ["info-12@kontor.example"] },
      { about: "not listed", recipients: ["vera@kontor.example"] },
      { about: "null sender", sender: "", recipients: ["gone@kontor.example"] },
      { about: "second recipient", recipients: ["vera@kontor.example", "gone@kontor.example"] },
    ],
  },
  {
    name: "rcpt_regexp",
    plugins: "rcpt_regexp",
    files: {
      rcpt_regexp: [
        "me@kontor.example OK Accepting mail",
        "/^user\\d+\\@kontor\\.example$/ OK Accepting mail",
        "info@kontor.example DENY User not found.",
        "/^unused\\@.*/ DENY User not found.",
        "later@kontor.example DENYSOFT Come back.",
        "bare@kontor.example DENY",
        "small@kontor.example deny Small letters.",
        "close@kontor.example DENY_DISCONNECT Away.",
        "hello@far.example OK",
        "/*/ DENY broken",
        "/^.*$/ DECLINED Fall through",
      ].join("\n"),
    },
    cases: [
      { about: "address with OK", recipients: ["ME@kontor.example"] },
      { about: "pattern with OK", recipients: ["User7@kontor.example"] },
      { about: "address with DENY", recipients: ["info@kontor.example"] },
      { about: "pattern with DENY", recipients: ["UNUSED@kontor.example"] },
      { about: "DENYSOFT", recipients: ["later@kontor.example"] },
      { about: "DENY without a text", recipients: ["bare@kontor.example"] },
      { about: "code word in small letters", recipients: ["small@kontor.example"] },
      { about: "DENY_DISCONNECT", recipients: ["close@kontor.example"] },
      { about: "OK for a foreign domain", recipients: ["hello@far.example"] },
      { about: "DECLINED", recipients: ["vera@kontor.example"] },
    ],
  },
  {
    name: "rcpt_accept",
    plugins: "",
    run: [],
    files: {},
    cases: [
      { about: "relay domain" },
      { about: "other domain", recipients: ["x@far.example"] },
      { about: "below a relay domain", recipients: ["x@sub.kontor.example"] },
    ],
  },
];
