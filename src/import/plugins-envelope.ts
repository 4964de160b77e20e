/** Plugins that look at senders and recipients. */
import { means, nothing, toCheck, toSetting } from "./plugin.ts";
import type { Plugin, PluginLine, Values } from "./plugin.ts";

/** Signs of a pattern that no address has: "+" and "!" alone are part of addresses. */
const patternSigns = /[/^$*%?\\]/;
/** Whom qpsmtpd 0.94 leaves alone in every plugin that asks `is_immune`. */
const immune = ["relay client", "authenticated", "whitelisted"];

function hasPatterns({ entries }: PluginLine, file: string): Values {
  return entries(file).some(({ text }) => patternSigns.test(text.split(/\s/, 1)[0] ?? "")) ? { patterns: true } : {};
}

export const envelopePlugins: readonly Plugin[] = [
  {
    names: ["check_badmailfrom", "badmailfrom"],
    becomes: toCheck("badmailfrom", (line) => ({
      file: "badmailfrom",
      ...hasPatterns(line, "badmailfrom"),
      ...(line.isModern ? { at: "mail", unless: immune } : {}),
    })),
    here: "Same file. Entries with a sign of a pattern are patterns if `patterns = true`.",
  },
  {
    names: ["check_badmailfromto", "badmailfromto"],
    becomes: toCheck("badmailfromto"),
    here: "Same file. The reply is the one to an unknown recipient.",
  },
  {
    names: ["check_badrcptto", "badrcptto"],
    becomes: toCheck("badrcptto", (line) => hasPatterns(line, "badrcptto")),
    here: "Same file. Entries with a sign of a pattern are patterns if `patterns = true`. The page's `badmailto` is this list.",
  },
  {
    names: ["check_badrcptto_patterns", "badrcptto_patterns"],
    becomes: toCheck("badrcptto_patterns"),
    here: "Same file.",
  },
  { names: ["check_bounce_rcpt", "bounce_rcpt"], becomes: toCheck("bounce_rcpt"), here: "Same file: `bounce_rcpt`." },
  {
    names: ["check_verybadrcptto", "verybadrcptto"],
    becomes: toCheck("verybadrcptto", () => ({ file: "verybadrcptto" })),
    here: "Same file. It sees every recipient, wherever it is in the list.",
  },
  {
    names: ["denybounce", "check_denybounce"],
    becomes: toCheck("denybounce"),
    here: "Same file: `acceptbounce` lists who accepts bounces.",
  },
  {
    names: ["rcpt_regexp"],
    becomes: toCheck("rcpt_regexp"),
    here: "Same file. Code words in small letters count; `OK` accepts without asking the directory, but never relays.",
  },
  {
    names: ["spamtrap", "check_spamtrap"],
    becomes: toCheck("spamtrap", ({ args }) => {
      const target = args.get("target") ?? args.words.find((word) => word.includes("@"));
      return target === undefined ? {} : { target };
    }),
    here: "Same file: `spamtraps`.",
  },
  {
    names: ["majordomo"],
    becomes: toCheck("majordomo"),
    here: "The folder of the lists' configurations is `lists`.",
  },
  {
    names: ["mailinglist_simple"],
    becomes: toCheck("mailinglist"),
    here: "The lists are in the file `mailinglist_simple`, their members in that of `aliases`, which runs before it.",
  },
  {
    names: ["check_goodrcptto", "goodrcptto"],
    becomes: toCheck("goodrcptto", ({ args }) => {
      const separator = args.get("extn");
      return separator === undefined ? {} : { extn: separator };
    }),
    here: "Same file. The harvest defence of `[limits]` takes the place of `deny_note` and `limit`.",
  },
  {
    names: ["check_validrcptto_cdb", "validrcptto_cdb"],
    becomes: toCheck("validrcptto"),
    here: 'Same cdb, in `[control] folders`. Better: `[[source]] type = "cdb"`, and the check `goodmailto`.',
  },
  {
    names: ["check_qmail_deliverable", "qmail_deliverable"],
    becomes: toCheck("deliverabled"),
    here: "Asks the same daemon, or `goodmailto deliverabled` in the internal network.",
  },
  { names: ["check_dns_user"], becomes: toCheck("dns_user"), here: "Name the zone in `zone`." },
  {
    names: ["rcpt_ldap"],
    becomes: toSetting("recipients", ["live"]),
    here: "Let sync read the directory (`[[source]]`), and ask live only about recipients that the list does not have.",
  },
  {
    names: ["check_local_aliases", "aliases_check", "aliases_rewrite"],
    becomes: toCheck("aliases"),
    here: "Same file: `aliases`. check_local_aliases is `expand = false`.",
  },
  { names: ["spam_gourmet"], becomes: toCheck("disposable"), here: "Same addresses: `user.count.5@`." },
  {
    names: ["redirect"],
    becomes: toCheck("relocated"),
    here: "Moved recipients are in a list (`relocated`), or in files of single users (`homes`).",
  },
  {
    names: ["rcpt_accept", "rcpt_ok"],
    becomes: means,
    here: "Always so: `[domains] relay` has the domains of rcpthosts, and a recipient that no check refuses is passed to the next hop.",
  },
  {
    names: ["address_notes"],
    becomes: means,
    here: "Checks have notes of session, message and recipient. Nothing to configure.",
  },
  {
    names: ["rcpt_map"],
    becomes: nothing,
    here: "Use the check `badrcptto`, or let sync read a list of the recipients that exist.",
  },
  {
    names: ["cf_wrapper"],
    becomes: toCheck("split"),
    here: "Recipients whose content checks disagree get the message separately.",
  },
  {
    names: ["autowhitelist_captcha"],
    becomes: toCheck("challenge"),
    here: "Unknown senders are refused by default: a question to a forged sender is backscatter. Mode `challenge` sends questions, within bounds; [the page](challenge.md) says what it does.",
  },
];
