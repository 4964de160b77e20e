/** Plugins that look at messages, keep them, or send them on. */
import { wholeNumber } from "./arguments.ts";
import type { Arguments } from "./arguments.ts";
import { means, nothing, toCheck, toSetting } from "./plugin.ts";
import type { Plugin } from "./plugin.ts";

/** A virus scanner of its time, by its preset of the check that runs programs. */
/** One number of days for both directions, or one for each. */
function days(args: Arguments): Record<string, string> {
  const both = wholeNumber(args.get("days") ?? (args.words.length === 1 ? args.at(0) : undefined));
  const [past, future] = [wholeNumber(args.get("past")) ?? both, wholeNumber(args.get("future")) ?? both];
  return {
    ...(past === undefined ? {} : { past: `${past}d` }),
    ...(future === undefined ? {} : { future: `${future}d` }),
  };
}

export const messagePlugins: readonly Plugin[] = [
  { names: ["badsubject", "check_badsubject"], becomes: toCheck("badsubject"), here: "Same file." },
  {
    names: ["check_basicheaders"],
    becomes: toCheck("basicheaders", ({ args }) => days(args)),
    here: "Days are `past` and `future`.",
  },
  {
    names: ["headers"],
    becomes: toCheck("basicheaders", ({ args }) => ({
      require: (args.get("require") ?? "From").split(",").filter((name) => name !== ""),
      single: true,
      ...(args.get("reject_type") === "temp" ? { permanent: false } : {}),
      ...(args.get("reject") === "0" ? { mode: "observe" } : {}),
      ...days(args),
    })),
    here: "Days are `past` and `future`; `single` refuses repeated fields, as this plugin does.",
  },
  {
    names: ["check_loop", "loop"],
    becomes: toCheck("loop", ({ args }) => {
      const hops = wholeNumber(args.at(0));
      return hops === undefined || hops < 11 ? {} : { max: hops - 2 };
    }),
    here: "qpsmtpd refuses at its number and counts its own field, goodmailto refuses above its number: `max` is two less.",
  },
  { names: ["hivirus"], becomes: toCheck("hivirus"), here: "For a worm of 2004." },
  { names: ["klez_filter"], becomes: nothing, here: "For a worm of 2002; a virus scanner knows it." },
  { names: ["charset", "check_charset"], becomes: toCheck("charset"), here: "Same file: `charsets`." },
  { names: ["content_types"], becomes: toCheck("content_types"), here: "Same file." },
  {
    names: ["domainkeys", "dkim", "dmarc", "sender_permitted_from"],
    becomes: toCheck("authentication"),
    here: "SPF, DKIM, DMARC and ARC in one check. DomainKeys is obsolete.",
  },
  {
    names: ["domainkeys_sign"],
    becomes: toCheck("dkimsign", () => ({ keys: "domainkeys", who: ["authenticated"] })),
    here: "Signs by DKIM instead, by the domain in the From field; the keys in `config/domainkeys` and their record may stay.",
  },
  { names: ["hashcash"], becomes: toCheck("hashcash"), here: "Same header." },
  {
    names: ["spambayes"],
    becomes: toCheck("filter"),
    here: "Any filter program; SpamBayes is discontinued, bogofilter is not.",
  },
  { names: ["dspam"], becomes: toCheck("filter"), here: "Any filter program; DSPAM is discontinued." },
  { names: ["uribl"], becomes: nothing, here: "SpamAssassin and rspamd ask the same lists." },
  {
    names: ["bogus_bounce"],
    becomes: nothing,
    here: "`[limits] max_recipients` bounds recipients, not those of bounces alone.",
  },
  {
    names: ["milter"],
    becomes: toCheck("milter", ({ args }) => {
      const [name, place] = [args.at(0), args.at(1)];
      const url = place === undefined ? undefined : place.includes(":") ? `inet:${place}` : `inet:127.0.0.1:${place}`;
      return name === undefined || url === undefined ? {} : { url };
    }),
    here: "The whole protocol, for any milter.",
  },
  {
    names: ["content_log"],
    becomes: toCheck("archive"),
    here: "A copy of each message in a file per day.",
  },
  {
    names: ["http-forward"],
    becomes: toSetting("route", ["next_hop"]),
    here: "An https URL as `next_hop`; as a backup that gets a copy, a `[[copy]]`.",
  },
  {
    names: ["smtp-forward"],
    becomes: toSetting("route", ["next_hop"], ({ args }) => {
      const [host, port] = [args.at(0), wholeNumber(args.at(1)) ?? 25];
      return host === undefined ? {} : { next_hop: `smtp://${host.includes(":") ? `[${host}]` : host}:${port}` };
    }),
    here: "The next hop. It is asked about each recipient, and the client gets its replies: there is no queue in between.",
  },
  {
    names: ["qmail-queue", "postfix-queue", "exim-bsmtp", "zmailer-queue"],
    becomes: means,
    here: 'There is no queue: let the mail server listen on a loopback port and make it the next hop, or give messages to its sendmail program with `next_hop = "pipe:"`.',
  },
  {
    names: ["maildir"],
    becomes: toSetting("route", ["next_hop"], ({ args }) => {
      const path = args.at(0);
      return path?.startsWith("/") !== true || args.at(1) !== undefined ? {} : { next_hop: `maildir:${path}` };
    }),
    here: "A maildir as `next_hop`: one for all recipients, without subfolders for each.",
  },
];
