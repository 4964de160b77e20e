/** Lists of recipients, and random addresses around them, of which every way to ask must get the relay's own answer. */
import type { Wanted } from "../fakes/snapshot.ts";

/** Who writes; one recipient of {@link rich} is for this sender. */
export const sender = "someone@partner.example";

const people = ["vera.yildiz", "bert", "anna-lena", "o'neill", "j.r", "x_y", "info", "support+de"];
/** Addresses and short names. */
export const plain: readonly Wanted[] = [
  ...people.map((user) => `${user}@kontor.example`),
  '"nie mand0"@kontor.example',
  '"a\\"b"@kontor.example',
  "kurz",
  "list%kontor@kontor.example",
];
/** With rules and wildcards. */
export const rich: readonly Wanted[] = [
  ...plain,
  "@all.example",
  { text: "gone@all.example", kind: "account", rule: "refused", gone: 1 },
  { text: "chef@kontor.example", kind: "account", rule: "internal" },
  { text: "team@kontor.example", kind: "group", rule: `senders:${sender} bert@kontor.example` },
  { text: "board@kontor.example", kind: "group", rule: "senders:bert@kontor.example" },
  { text: "urlaub@kontor.example", kind: "account", rule: "later" },
  { text: "weg@kontor.example", kind: "account", gone: Date.now() },
  { text: "list-default@kontor.example", kind: "extension" },
];
/** User parts that the lists have. */
const users = [
  ...people,
  "nie mand0",
  'a"b',
  "kurz",
  "gone",
  "chef",
  "team",
  "board",
  "urlaub",
  "weg",
  "list-x",
  "list%kontor",
];
const always = ["postmaster", "abuse", "SRS0=abcd=tt=partner.example=bert", "prvs=0123456789=bert"];
const domains = ["kontor.example", "kontor.test", "all.example", "sub.kontor.example", "elsewhere.example"];

/** The three lists, one of them missing. */
export const lists: readonly (readonly [what: string, rows: readonly Wanted[] | undefined])[] = [
  ["that is missing", undefined],
  ["of addresses and short names", plain],
  ["with rules and wildcards", rich],
];

/** Sections of a relay that is asked for them without end; it takes both lists' domains. */
export const patientConfig = `
[smtp]
listen = ["127.0.0.1:0"]
hostname = "mx.kontor.example"
greeting_delay = "0ms"
max_recipients = 10000
[domains]
relay = ["kontor.example", "all.example"]
aliases = { "kontor.test" = "kontor.example" }
[limits]
session_errors = 10000
session_commands = 1000000
session_junk = 10000
harvest_hangup_after = 0
harvest_client_limit = 0
harvest_delay_after = 0
[recipients]
recipient_delimiter = "+-"
grace = "1d"
`;

/** What one address is made of: known names, near misses, extensions, routes, quotes, octets beyond ASCII. */
export function makeAddress(random: () => number): string {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  let user = random() < 0.15 ? pick(always) : pick(users);
  const change = Math.floor(random() * 14);
  switch (change) {
    case 0:
      user = user.slice(1);
      break;
    case 1:
      user = `${user}${pick(["x", ".", "+list", "-news", "+a-b", "-default", " "])}`;
      break;
    case 2:
      user = `${user}${pick(["%elsewhere.example", "!bert", ":bert", "@elsewhere.example", "+x%elsewhere.example"])}`;
      break;
    case 3:
      user = user.toUpperCase();
      break;
    case 4:
      user = `${user.slice(0, 1)}\xe4${user.slice(1)}`;
      break;
    case 5:
      user = Array.from({ length: 1 + Math.floor(random() * 12) }, () =>
        String.fromCharCode(33 + Math.floor(random() * 94)),
      ).join("");
      break;
    case 6:
      user = "";
      break;
  }
  const domain =
    change === 7
      ? pick(["KONTOR.example", "kontor.example.", "k\xf6ntor.example", "[192.0.2.1]", "kontor..example"])
      : pick(domains);
  const needsQuotes = !/^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/.test(user);
  const written =
    (needsQuotes && (user === "" || random() < 0.95)) || random() < 0.1 ? `"${user.replace(/["\\]/g, "\\$&")}"` : user;
  return random() < 0.03 ? written : `${written}@${domain}`;
}

/**
 * User parts that no list has, in the languages of mail servers, with octets that they do not expect, and near known
 * ones: whatever a server makes of one, it must not be taken.
 */
export const oddUsers: readonly string[] = [
  "${run{/bin/sh -c id}}",
  "${readfile{/etc/passwd}}",
  "$local_part",
  "x}{1s}{}{known}}{",
  "\\N.*",
  "$&j",
  "$(goodmailto vera.yildiz@kontor.example $)",
  "$#error",
  "<TEMP>",
  "<NOTFOUND>",
  "%{rcpt}",
  "|reject",
  "*",
  "%",
  "a b",
  "(vera.yildiz) nobody",
  '"" vera.yildiz',
  '"known\\nknown"',
  '"vera.yildiz\\@kontor.example\\n"',
  '"vera.yildiz@kontor.example> <"',
  '"vera.yildiz@kontor.example\\"',
  '"a\rvera.yildiz"',
  '"a\0vera.yildiz"',
  "\x81\x82vera.yildiz",
  "\xe4\xf6\xfc",
  "x".repeat(900),
];
