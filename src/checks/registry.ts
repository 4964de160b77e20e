/** Every check there is; printed by `npm run docs`. The order has no meaning: `[checks] run` says what runs. */
import type { RegisteredCheck } from "../hooks/check.ts";
import { aliases } from "./recipient/aliases.ts";
import { archive } from "./content/archive.ts";
import { authentication } from "./content/authentication.ts";
import { authlogger } from "./auth/authlogger.ts";
import { authrequired } from "./auth/authrequired.ts";
import { badhelo } from "./envelope/badhelo.ts";
import { badmailfrom } from "./envelope/badmailfrom.ts";
import { badmailfromto } from "./envelope/badmailfromto.ts";
import { badrcptto } from "./envelope/badrcptto.ts";
import { badrcptto_patterns } from "./envelope/badrcptto_patterns.ts";
import { badsubject } from "./content/badsubject.ts";
import { basicheaders } from "./content/basicheaders.ts";
import { blacklist } from "./rate/blacklist.ts";
import { bounce_rcpt } from "./envelope/bounce_rcpt.ts";
import { challenge } from "./envelope/challenge.ts";
import { charset } from "./content/charset.ts";
import { clamav } from "./scanners/clamav.ts";
import { content_types } from "./content/content_types.ts";
import { deliverabled } from "./recipient/deliverabled.ts";
import { denybounce } from "./envelope/denybounce.ts";
import { disposable } from "./recipient/disposable.ts";
import { dkimsign } from "./content/dkimsign.ts";
import { dns_user } from "./recipient/dns_user.ts";
import { dnsbl } from "./lists/dnsbl.ts";
import { dnswl } from "./lists/dnswl.ts";
import { filter } from "./scanners/filter.ts";
import { geo } from "./client/geo.ts";
import { goodmailto } from "./recipient/goodmailto.ts";
import { goodrcptto } from "./recipient/goodrcptto.ts";
import { greylisting } from "./rate/greylisting.ts";
import { hashcash } from "./content/hashcash.ts";
import { hivirus } from "./content/hivirus.ts";
import { ifauthskip } from "./auth/ifauthskip.ts";
import { loop } from "./content/loop.ts";
import { mailinglist } from "./recipient/mailinglist.ts";
import { majordomo } from "./recipient/majordomo.ts";
import { milter } from "./programs/milter.ts";
import { nodialup } from "./client/nodialup.ts";
import { rblspp } from "./lists/rblspp.ts";
import { rcpt_regexp } from "./envelope/rcpt_regexp.ts";
import { relocated } from "./recipient/relocated.ts";
import { require_resolvable_client } from "./client/require_resolvable_client.ts";
import { rhsbl } from "./lists/rhsbl.ts";
import { rspamd } from "./scanners/rspamd.ts";
import { scanner } from "./scanners/scanner.ts";
import { score } from "./client/score.ts";
import { spamassassin } from "./scanners/spamassassin.ts";
import { spamtrap } from "./envelope/spamtrap.ts";
import { split } from "./content/split.ts";
import { spp } from "./programs/spp.ts";
import { tarpit } from "./rate/tarpit.ts";
import { validrcptto } from "./recipient/validrcptto.ts";
import { verybadrcptto } from "./envelope/verybadrcptto.ts";
import { whitelist } from "./client/whitelist.ts";

export const registry: readonly RegisteredCheck[] = [
  { name: "aliases", definition: () => aliases },
  { name: "archive", definition: () => archive },
  { name: "authentication", definition: () => authentication },
  { name: "authlogger", definition: () => authlogger },
  { name: "authrequired", definition: () => authrequired },
  { name: "badhelo", definition: () => badhelo },
  { name: "badmailfrom", definition: () => badmailfrom },
  { name: "badmailfromto", definition: () => badmailfromto },
  { name: "badrcptto", definition: () => badrcptto },
  { name: "badrcptto_patterns", definition: () => badrcptto_patterns },
  { name: "badsubject", definition: () => badsubject },
  { name: "basicheaders", definition: () => basicheaders },
  { name: "blacklist", definition: () => blacklist },
  { name: "bounce_rcpt", definition: () => bounce_rcpt },
  { name: "challenge", definition: () => challenge },
  { name: "charset", definition: () => charset },
  { name: "clamav", definition: () => clamav },
  { name: "content_types", definition: () => content_types },
  { name: "deliverabled", definition: () => deliverabled },
  { name: "denybounce", definition: () => denybounce },
  { name: "disposable", definition: () => disposable },
  { name: "dkimsign", definition: () => dkimsign },
  { name: "dns_user", definition: () => dns_user },
  { name: "dnsbl", definition: () => dnsbl },
  { name: "dnswl", definition: () => dnswl },
  { name: "filter", definition: () => filter },
  { name: "geo", definition: () => geo },
  { name: "goodmailto", section: "recipients", definition: () => goodmailto },
  { name: "goodrcptto", definition: () => goodrcptto },
  { name: "greylisting", definition: () => greylisting },
  { name: "hashcash", definition: () => hashcash },
  { name: "hivirus", definition: () => hivirus },
  { name: "ifauthskip", definition: () => ifauthskip },
  { name: "loop", definition: () => loop },
  { name: "mailinglist", definition: () => mailinglist },
  { name: "majordomo", definition: () => majordomo },
  { name: "milter", definition: () => milter },
  { name: "nodialup", definition: () => nodialup },
  { name: "rblspp", definition: () => rblspp },
  { name: "rcpt_regexp", definition: () => rcpt_regexp },
  { name: "relocated", definition: () => relocated },
  { name: "require_resolvable_client", definition: () => require_resolvable_client },
  { name: "rhsbl", definition: () => rhsbl },
  { name: "rspamd", definition: () => rspamd },
  { name: "scanner", definition: () => scanner },
  { name: "score", definition: () => score },
  { name: "spamassassin", definition: () => spamassassin },
  { name: "spamtrap", definition: () => spamtrap },
  { name: "split", definition: () => split },
  { name: "spp", section: "spp", definition: () => spp },
  { name: "tarpit", definition: () => tarpit },
  { name: "validrcptto", definition: () => validrcptto },
  { name: "verybadrcptto", definition: () => verybadrcptto },
  { name: "whitelist", definition: () => whitelist },
];
