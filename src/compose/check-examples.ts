/** An example of each check, as `goodmailto checks NAME` prints it: settings, a list file, and the replies. */

/** The example of one check. */
export interface Example {
  /** Lines of TOML. */
  readonly toml: string;
  /** List files in `[control] folders`: name and lines. */
  readonly files?: Readonly<Record<string, string>>;
  /** Commands of a client and replies, as `C: …` and `S: …`; commands that everybody gives are left out. */
  readonly dialogue?: readonly string[];
}

/** A check in front of the list, with its settings. */
function running(name: string, settings: readonly string[] = []): string {
  const run = [...new Set([name, "goodmailto"])].map((each) => `"${each}"`).join(", ");
  const section = settings.length === 0 ? [] : ["", `[checks.${name}]`, ...settings];
  return ["[checks]", `run = [${run}]`, ...section].join("\n");
}

/** An example of a check that reads one list, and one reply. */
function listed(name: string, file: string, lines: string, dialogue: readonly string[], own: string[] = []): Example {
  return { toml: running(name, own), files: { [file]: lines }, dialogue };
}

export const examples: Readonly<Record<string, Example>> = {
  badhelo: listed("badhelo", "badhelo", "yahoo.com\nmx.kontor.example", [
    "C: EHLO yahoo.com",
    "S: 550 5.7.1 Sorry, I don't believe that you are yahoo.com.",
  ]),
  badmailfrom: listed(
    "badmailfrom",
    "badmailfrom",
    "bulk@spam.example\n@worse.example we want no mail from you",
    ["C: MAIL FROM:<any@worse.example>", "C: RCPT TO:<vera@kontor.example>", "S: 553 5.7.1 we want no mail from you"],
    ['file = "badmailfrom"'],
  ),
  badmailfromto: listed("badmailfromto", "badmailfromto", "stalker@far.example vera@kontor.example", [
    "C: MAIL FROM:<stalker@far.example>",
    "C: RCPT TO:<vera@kontor.example>",
    "S: 550 5.1.1 No such user here",
  ]),
  badrcptto: listed("badrcptto", "badrcptto", "gone@kontor.example\nleft@kontor.example has left us", [
    "C: RCPT TO:<left@kontor.example>",
    "S: 550 5.1.1 has left us",
  ]),
  badrcptto_patterns: listed("badrcptto_patterns", "badrcptto_patterns", "%.*@ Sorry, percent hack not accepted here", [
    "C: RCPT TO:<user%far.example@kontor.example>",
    "S: 550 5.7.1 Sorry, percent hack not accepted here",
  ]),
  bounce_rcpt: listed("bounce_rcpt", "bounce_rcpt", "/^news/ DENY This address takes no bounces", [
    "C: MAIL FROM:<>",
    "C: RCPT TO:<news@kontor.example>",
    "S: 550 5.7.1 This address takes no bounces",
  ]),
  denybounce: listed("denybounce", "acceptbounce", "vera@kontor.example\notto", [
    "C: MAIL FROM:<>",
    "C: RCPT TO:<info@kontor.example>",
    "S: 550 5.7.1 sorry, info never sends mail and therefore does not accept bounces",
  ]),
  goodrcptto: listed("goodrcptto", "goodrcptto", "vera@kontor.example\n@all.example\npostmaster", [
    "C: RCPT TO:<nobody@kontor.example>",
    "S: 550 5.1.1 No such user here",
  ]),
  rcpt_regexp: listed(
    "rcpt_regexp",
    "rcpt_regexp",
    "info@kontor.example DENY User not found.\n/^user\\d+@kontor\\.example$/ OK",
    ["C: RCPT TO:<info@kontor.example>", "S: 550 5.1.1 User not found."],
  ),
  relocated: listed("relocated", "relocated", "old@kontor.example new@kontor.example", [
    "C: RCPT TO:<old@kontor.example>",
    "S: 551 5.1.6 User not local; please try <new@kontor.example>",
  ]),
  verybadrcptto: listed(
    "verybadrcptto",
    "verybadrcptto",
    "trap@kontor.example",
    [
      "C: RCPT TO:<vera@kontor.example>",
      "C: RCPT TO:<trap@kontor.example>",
      "C: DATA",
      "S: 554 5.6.1 sorry, one or more of the recipients has flagged this e-mail as unsolicited bulk/commercial e-mail which is contrary to our acceptable e-mail use policy - spam score exceeded threshold (#5.6.1)",
    ],
    ['file = "verybadrcptto"'],
  ),
  whitelist: {
    toml: '[checks]\nrun = ["whitelist", "badrcptto", "goodmailto"]',
    files: { whitelistsenders: "friend@far.example\nfriendly.example", badrcptto: "gone@kontor.example" },
    dialogue: ["C: MAIL FROM:<friend@far.example>", "C: RCPT TO:<gone@kontor.example>", "S: 250 2.1.5 Recipient OK"],
  },
  greylisting: {
    toml: running("greylisting", ['black = "5m"', "sender = true"]),
    dialogue: ["C: MAIL FROM:<new@far.example>", "S: 450 4.7.1 This mail is temporarily denied"],
  },
  disposable: {
    toml: running("disposable"),
    dialogue: ["C: RCPT TO:<vera.until.20200101@kontor.example>", "S: 550 5.1.1 No such user here"],
  },
  aliases: {
    toml: running("aliases", ['unknown = "pass"']),
    files: { aliases: "sales, info @ kontor.example: vera@kontor.example" },
  },
  mailinglist: {
    toml: '[checks]\nrun = ["aliases", "mailinglist", "goodmailto"]\n\n[checks.aliases]\nunknown = "pass"',
    files: {
      aliases: "team@kontor.example: vera@kontor.example",
      mailinglist_simple: "team@kontor.example PROTECTED",
    },
    dialogue: [
      "C: MAIL FROM:<stranger@far.example>",
      "C: RCPT TO:<team@kontor.example>",
      "S: 550 5.7.2 Only members may write to this list",
    ],
  },
  challenge: {
    toml: running("challenge", ['protect = ["vera@kontor.example"]']),
    files: { challenge_whitelist: "@partner.example\nmother@far.example" },
    dialogue: [
      "C: MAIL FROM:<new@far.example>",
      "C: RCPT TO:<vera@kontor.example>",
      "S: 550 5.7.1 Sender not known to this recipient",
    ],
  },
  majordomo: {
    toml: running("majordomo", ['aliases = { "team@kontor.example" = "team" } # /etc/majordomo/lists/team.config']),
  },
  blacklist: { toml: running("blacklist", ['rate = "20/1m"', 'block = "2h"']) },
  tarpit: { toml: running("tarpit", ["after = 3"]) },
  dnsbl: {
    toml: running("dnsbl"),
    files: { dnsbl_zones: "bl.example\nother.example:Listed, see http://other.example/?%IP%", dnsbl_allow: "192.0.2." },
  },
  dnswl: { toml: '[checks]\nrun = ["dnswl", "dnsbl", "goodmailto"]', files: { whitelist_zones: "wl.example" } },
  rhsbl: { toml: running("rhsbl"), files: { rhsbl_zones: "dbl.example sends spam" } },
  rblspp: { toml: running("rblspp", ['sources = ["a:wl.example", "r:bl.example"]']) },
  nodialup: { toml: running("nodialup", ['no_rdns = "temporary"']) },
  require_resolvable_client: { toml: running("require_resolvable_client", ["forward = false"]) },
  dns_user: { toml: '[checks]\nrun = ["dns_user"]\n\n[checks.dns_user]\nzone = "users.example"' },
  validrcptto: { toml: '[checks]\nrun = ["validrcptto"]\n\n[checks.validrcptto]\nfile = "validrcptto.cdb"' },
  loop: { toml: '[checks]\nrun = ["goodmailto", "loop"]\n\n[checks.loop]\nmax = 100' },
  score: {
    toml: '[checks]\nrun = ["badhelo", "dnsbl", "score", "goodmailto"]\n\n[checks.badhelo]\nmode = "score"\npoints = 2\n\n[checks.dnsbl]\nmode = "score"\npoints = 3\n\n[checks.score]\nrefuse_at = 5',
  },
  spp: { toml: '[checks]\nrun = ["spp", "goodmailto"]\n\n[spp]\nconfig = "control/smtpplugins"\nhome = "/var/qmail"' },
};

/** The example of a check; of one without an example of its own, the line that runs it. */
export function exampleOf(name: string): Example {
  return examples[name] ?? { toml: running(name) };
}
