/** Senders. */
import type { Row } from "../row.ts";

export const envelope: readonly Row[] = [
  {
    name: "badmailfrom",
    plugins: "badmailfrom",
    toml: '[checks.badmailfrom]\nfile = "badmailfrom"\nat = "mail"',
    files: {
      badmailfrom: "bad@spam.example\nworse@spam.example go away\n@very.bad.example\nno-address\nuser+tag@spam.example",
    },
    cases: [
      { about: "listed address", sender: "BAD@Spam.Example" },
      { about: "listed address with a reason", sender: "worse@spam.example" },
      { about: "listed host", sender: "x@very.bad.example" },
      { about: "below a listed host", sender: "x@sub.very.bad.example" },
      { about: "not listed", sender: "good@spam.example" },
      { about: "null sender", sender: "" },
      { about: "entry with +", sender: "user+tag@spam.example" },
      { about: "what the entry with + matches as a pattern", sender: "userrtag@spam.example" },
    ],
  },
  {
    name: "badmailfrom",
    plugins: "badmailfrom",
    toml: `[checks.badmailfrom]\npatterns = true\nfile = "badmailfrom"\nat = "mail"`,
    files: { badmailfrom: "^bulk\\d+@ no bulk mail\n\\.invalid$ no such place\nplain@spam.example plainly" },
    cases: [
      { about: "pattern", sender: "bulk42@far.example" },
      { about: "pattern at the end", sender: "x@nowhere.invalid" },
      { about: "address among patterns", sender: "plain@spam.example" },
      { about: "no pattern matches", sender: "xbulk42@far.example" },
    ],
  },
  {
    name: "badmailfromto",
    plugins: "badmailfromto",
    files: { badmailfromto: "stalker@far.example\tvictim@kontor.example\n@bad.example\tvictim@kontor.example" },
    cases: [
      { about: "pair", sender: "Stalker@far.example", recipients: ["Victim@kontor.example"] },
      { about: "pair by host", sender: "x@bad.example", recipients: ["victim@kontor.example"] },
      { about: "other recipient", sender: "stalker@far.example" },
      { about: "other sender", recipients: ["victim@kontor.example"] },
      { about: "null sender", sender: "", recipients: ["victim@kontor.example"] },
    ],
  },
];
