/** Plugins that look at the client, and at what it does. */
import { wholeNumber } from "./arguments.ts";
import { means, nothing, toCheck, toSetting } from "./plugin.ts";
import type { Plugin, PluginLine, Values } from "./plugin.ts";

const heloSigns = /[{}[\]()^$|*+?\\!]/;

/** A check at the connection or at RCPT, and its refusals for good or for now. */
function resolvable({ args }: PluginLine): Values {
  return {
    ...(args.get("per_recipient") === "1"
      ? { per_recipient: true }
      : args.get("at_connect") === "1"
        ? { at: "connection" }
        : {}),
    ...(args.get("permfail") === "1" ? { permanent: true } : {}),
    ...(args.get("forward_lookup") === "0" ? { forward: false } : {}),
  };
}

/** What becomes of early talkers; 0.94 has `reject` and `reject_type` for `action`. */
function earlyTalker({ args, isModern }: PluginLine): string {
  if (args.get("action") === "log" || args.get("reject") === "0") {
    return "log";
  }
  const type = args.get("reject_type");
  // 0.40 refuses for now unless it is told `action deny`, 0.94 for good unless it is told `reject_type temp`.
  const isPermanent = type === undefined ? isModern || args.get("action") === "deny" : type === "perm";
  const isDeferred = /^[1-9]/.test(args.get("defer-reject") ?? "");
  return `${isDeferred ? "defer" : "refuse"}${isPermanent ? "-permanent" : ""}`;
}

/** qpsmtpd's seconds as a duration. */
function seconds(key: string, value: string | undefined): Values {
  const number = wholeNumber(value);
  return number === undefined || number === 0 ? {} : { [key]: `${number}s` };
}

/** A key and its value, if it has one. */
function pairOf(text: string, separator: RegExp): readonly [string, string | undefined] {
  const [key = "", value] = text.split(separator, 2);
  return [key, value];
}

function greylisting({ args, entries }: PluginLine): Values {
  const file = new Map(entries("denysoft_greylist").map(({ text }) => pairOf(text, /\s+|=/)));
  const value = (key: string): string | undefined => args.get(key) ?? file.get(key);
  const flag = (key: string): Values => {
    const given = value(key);
    return given === undefined ? {} : { [key]: /^[1-9]/.test(given) };
  };
  return {
    ...flag("remote_ip"),
    ...flag("sender"),
    ...flag("recipient"),
    ...flag("deny_late"),
    ...seconds("black", value("black_timeout")),
    ...seconds("grey", value("grey_timeout")),
    ...seconds("white", value("white_timeout")),
    ...(value("mode") === "testonly" || value("testonly") === "1" ? { mode: "observe" } : {}),
  };
}

function connectionRate({ args, entries }: PluginLine): Values {
  const file = new Map(
    entries("connection_shaper").map(({ text }) => {
      const [, key = "", value = ""] = /^(\S+)\s*(.*)$/.exec(text) ?? [];
      return [key, value] as const;
    }),
  );
  const number = (key: string, usual: number): number => wholeNumber(args.get(key) ?? file.get(key)) ?? usual;
  // Beginnings of addresses: of whole numbers with a dot behind them, as here.
  const exempt = (file.get("whitelist") ?? "").split(/[\s,]+/).filter((prefix) => prefix !== "");
  const dotted = exempt.map((prefix) => (/^\d+(?:\.\d+){0,2}$/.test(prefix) ? `${prefix}.` : prefix));
  return {
    connection_rate: `${number("threshold", 10)}/${number("exptime", 60)}s`,
    ...(dotted.length === 0 ? {} : { connection_rate_exempt: dotted }),
  };
}

export const clientPlugins: readonly Plugin[] = [
  {
    names: ["check_earlytalker", "earlytalker"],
    becomes: toSetting("smtp", ["greeting_delay", "early_talker"], (line) => ({
      greeting_delay: `${wholeNumber(line.args.get("wait")) ?? 1}s`,
      early_talker: earlyTalker(line),
    })),
    here: "`greeting_delay` is `wait`. `early_talker` is `action`, or `reject` and `reject_type`, together with `defer-reject`; `check-at DATA` is not there.",
  },
  {
    names: ["check_relay", "relay"],
    becomes: toSetting("clients", ["relayclients", "morerelayclients", "norelayclients"], ({ entries }) => ({
      ...(entries("relayclients").length > 0 ? { relayclients: "relayclients" } : {}),
      ...(entries("norelayclients").length > 0 ? { norelayclients: "norelayclients" } : {}),
    })),
    here: "Same files. `::1` relays only if it is listed.",
  },
  {
    names: ["check_norelay"],
    becomes: toSetting("clients", ["norelayclients"], () => ({ norelayclients: "norelayclients" })),
    here: "Same file.",
  },
  {
    names: ["check_spamhelo", "helo"],
    becomes: toCheck("badhelo", ({ entries, isModern }) => ({
      ...(entries("badhelo").some(({ text }) => heloSigns.test(text)) ? { patterns: true } : {}),
      ...(isModern ? { close: true } : {}),
    })),
    here: "Same file. The other tests of the plugin helo (`policy`) are not there.",
  },
  {
    names: ["dnsbl"],
    becomes: toCheck("dnsbl", ({ args }) => {
      const type = args.words.length === 1 ? args.at(0) : args.get("reject_type");
      return {
        ...(type === "disconnect" ? { close: true } : {}),
        ...(type === "temp" ? { permanent: false } : {}),
        ...(args.get("reject") === "0" ? { mode: "observe" } : {}),
      };
    }),
    here: "Same files: `dnsbl_zones`, `dnsbl_allow`, `dnsbl_rejectmsg`. The client is refused at RCPT.",
  },
  {
    names: ["rhsbl"],
    becomes: toCheck("rhsbl", ({ args }) => (args.at(0) === "disconnect" ? { close: true } : {})),
    here: "Same file. Most zones of old files are dead; one that answers every query is not used.",
  },
  { names: ["dns_whitelist_soft"], becomes: toCheck("dnswl"), here: "Same file: `whitelist_zones`." },
  {
    names: ["whitelist_soft", "whitelist"],
    becomes: toCheck("whitelist"),
    here: "Same four files. Checks with `whitelisted` in `unless` exempt whitelisted clients, which still cannot relay.",
  },
  {
    names: ["whitelist_hard"],
    becomes: toCheck("whitelist", () => ({ mode_all: true })),
    here: "The other whitelist of the wiki: `mode_all = true`.",
  },
  { names: ["nodialup", "nodialups"], becomes: toCheck("nodialup"), here: "The patterns are in a list." },
  {
    names: ["require_resolvable_client"],
    becomes: toCheck("require_resolvable_client", resolvable),
    here: "The same settings under the names `at`, `permanent`, `forward` and `per_recipient`.",
  },
  {
    names: ["fcrdns"],
    becomes: toCheck("require_resolvable_client", () => ({ mode: "observe" })),
    here: 'The nearest equivalent. qpsmtpd 0.94\'s plugin itself refuses nobody, whatever its `reject` says: `mode = "observe"` only logs; without it clients without a host name that leads back to them are deferred.',
  },
  {
    names: ["greylisting", "denysoft_greylist"],
    becomes: toCheck("greylisting", greylisting),
    here: "Same settings, also those of `denysoft_greylist`. The old database is not converted: every client waits once.",
  },
  {
    names: ["geo_blacklist_whitelist", "geoip"],
    becomes: toCheck("geo"),
    here: "Same files. It needs a current database (`database`).",
  },
  {
    names: ["count_unrecognized_commands"],
    becomes: toSetting("limits", ["session_unrecognized"], ({ args }) => ({
      session_unrecognized: wholeNumber(args.at(0)) ?? 4,
    })),
    here: "`session_errors` counts all kinds of errors.",
  },
  {
    names: ["connection_shaper"],
    becomes: toSetting("limits", ["connection_rate", "connection_rate_exempt"], connectionRate),
    here: "`threshold` connections per `exptime`, `whitelist` as `connection_rate_exempt`, from the file `connection_shaper` too. Shared by workers through `[state]`, not memcached.",
  },
  { names: ["tarpit"], becomes: toCheck("tarpit"), here: "Refused commands slow a session down." },
  {
    names: [
      "berkeley_ipblacklist",
      "berkeley_operation",
      "berkeley_tokenbucketadd",
      "berkeley_ipblacklist_tokenbucketadd",
      "berkeley_ipblacklist_ignore",
    ],
    becomes: toCheck("blacklist"),
    here: "One check for all of them; `goodmailto blacklist` is the command line. The old database is not converted.",
  },
  {
    names: ["hosts_allow"],
    becomes: means,
    here: "`[limits]` has the connections per client, and `[clients] rules` takes the place of hosts_allow.",
  },
  {
    names: ["karma", "naughty"],
    becomes: means,
    here: '`mode = "score"` adds points for each check; `score` refuses.',
  },
  { names: ["noop_counter"], becomes: means, here: "`[limits] session_commands` ends such sessions." },
  { names: ["loadcheck"], becomes: means, here: "`[smtp] max_connections` bounds the work." },
  { names: ["p0f"], becomes: nothing, here: "It only took notes for other plugins." },
  {
    names: ["resolvable_fromhost", "require_resolvable_fromhost"],
    becomes: nothing,
    here: "There is no such check; a qmail-spp plugin or a check of your own can do it.",
  },
  {
    names: ["tls", "tls_cert"],
    becomes: toSetting("tls", ["cert", "key"], ({ args }) => {
      const [cert, key] = [args.at(0), args.at(1)];
      return cert?.startsWith("/") === true && key?.startsWith("/") === true ? { cert, key } : {};
    }),
    here: "Name certificate and key; STARTTLS is offered then. Port 465 is a `[[listener]]`. `goodmailto tls self-signed` makes a certificate for tests.",
  },
];
