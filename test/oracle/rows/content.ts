/** Messages. */
import type { Row } from "../row.ts";

/** A message with this many Received fields. */
function travelled(hops: number): string {
  return `${"Received: from a by b\n".repeat(hops)}Subject: hello\n\nhello`;
}

/** A date some days from now. */
function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toUTCString().replace("GMT", "+0000");
}

export const content: readonly Row[] = [
  {
    name: "loop",
    plugins: "loop",
    files: {},
    cases: [
      { about: "98 fields", message: travelled(98) },
      { about: "100 fields", message: travelled(100) },
      { about: "101 fields", message: travelled(101) },
    ],
  },
  {
    name: "basicheaders",
    plugins: "headers past 5 future 1",
    toml: '[checks.basicheaders]\nrequire = ["From"]\nsingle = true\npast = "5d"\nfuture = "1d"',
    files: {},
    cases: [
      { about: "nothing before the dot", message: "" },
      { about: "no From", message: `Date: ${inDays(0)}\nSubject: hello\n\nhello` },
      { about: "no Date", message: "From: a@far.example\n\nhello" },
      { about: "empty From", message: "From: \nSubject: hello\n\nhello" },
      { about: "Date six days ago", message: `From: a@far.example\nDate: ${inDays(-6)}\n\nhello` },
      { about: "Date four days ago", message: `From: a@far.example\nDate: ${inDays(-4)}\n\nhello` },
      { about: "Date in two days", message: `From: a@far.example\nDate: ${inDays(2)}\n\nhello` },
      { about: "Date that is none", message: "From: a@far.example\nDate: yesterday-ish\n\nhello" },
      { about: "two Subjects", message: "From: a@far.example\nSubject: a\nSubject: b\n\nhello" },
      { about: "two Comments", message: "From: a@far.example\nComments: a\nComments: b\n\nhello" },
    ],
  },
];
