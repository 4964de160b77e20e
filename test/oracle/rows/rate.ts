/** How often, and from where. */
import type { Mend, Row } from "../row.ts";

/** 0.94-5 calls a method that does not exist, so that its greylisting never decides. */
const p0f: Mend = {
  plugin: "greylisting",
  wrong: "return DECLINED if !$self->is_p0f_match();",
  right: "return DECLINED if $self->{_args}{p0f} && !$self->p0f_match();",
};

export const rate: readonly Row[] = [
  {
    name: "relayclients",
    plugins: "relay",
    run: [],
    toml: '[clients]\nrelayclients = "relayclients"\nnorelayclients = "norelayclients"',
    files: {
      relayclients: "127.0.0.2\n127.0.1.\n127.1.0.0/16",
      norelayclients: "127.0.1.5\n127.0.1.6",
    },
    cases: [
      { about: "listed client", from: "127.0.0.2", recipients: ["x@far.example"] },
      { about: "client of a listed network", from: "127.0.1.4", recipients: ["x@far.example"] },
      { about: "client of a listed block", from: "127.1.2.3", recipients: ["x@far.example"] },
      { about: "exception from a listed network", from: "127.0.1.5", recipients: ["x@far.example"] },
      { about: "exception, relay domain", from: "127.0.1.6" },
      { about: "client that begins like a listed one", from: "127.0.0.22", recipients: ["x@far.example"] },
      { about: "client that is not listed", recipients: ["x@far.example"] },
    ],
  },
  {
    name: "greylisting",
    plugins: "greylisting db_dir {db} black_timeout 0",
    mend: p0f,
    toml: '[checks.greylisting]\nblack = "0s"\nnetwork = 32',
    files: {},
    cases: [
      { about: "first try" },
      { about: "second try after the time" },
      { about: "known client with another sender", sender: "other@sender.example" },
      { about: "first try of another client", from: "127.0.0.10" },
      { about: "first try of a null sender", from: "127.0.0.11", sender: "" },
    ],
  },
  {
    name: "greylisting",
    plugins: "greylisting db_dir {db} sender 1",
    mend: p0f,
    toml: "[checks.greylisting]\nsender = true\nnetwork = 32",
    files: {},
    cases: [
      { about: "first try, by sender" },
      { about: "second try before the time" },
      { about: "first try with another sender", sender: "other@sender.example" },
    ],
  },
  {
    name: "greylisting",
    plugins: "greylisting db_dir {db} recipient 1 black_timeout 0",
    mend: p0f,
    toml: '[checks.greylisting]\nrecipient = true\nblack = "0s"\nnetwork = 32',
    files: {},
    cases: [
      { about: "first try of a recipient" },
      { about: "second try of a recipient" },
      { about: "first try of another recipient", recipients: ["vera@kontor.example", "otto@kontor.example"] },
      {
        about: "null sender, told at DATA",
        from: "127.0.0.12",
        sender: "",
        message: "Subject: a bounce\n\nhello",
      },
    ],
  },
];
