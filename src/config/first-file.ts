/** The configuration that `goodmailto init` begins with: one directory, one next hop, the status page and the journal. */
import { tomlValue } from "./toml-value.ts";

/** What an administrator knows. */
export interface FirstAnswers {
  readonly url: string;
  /** "" for an anonymous bind. */
  readonly bindDn: string;
  /** "" where the server says it itself. */
  readonly base: string;
  readonly preset: string;
  /** Domino only; else "". */
  readonly notesDomain: string;
  readonly domains: readonly string[];
  readonly nextHop: string;
  /** Where the status page is served; "" for none. */
  readonly web: string;
  /** How long the journal is kept, as "30d"; "0s" for none. */
  readonly journal: string;
}

/** Where the relay listens, and where its files are; "" leaves the default. */
export interface FirstPlaces {
  /** Of `[smtp]`. */
  readonly listen: string;
  readonly statusFolder: string;
  readonly snapshot: string;
  readonly stateFolder: string;
}

/** Names of files beside the configuration. */
export const firstFiles = { rules: "tcp.smtp", password: "ldap-password", token: "web-token" } as const;

/**
 * The text of goodmailto.toml.
 * @param isTrial for a first look at a port that only this machine reaches: unknown recipients are refused, and no client
 * is exempt. Otherwise nobody is refused yet
 */
export function firstConfig(answers: FirstAnswers, places: FirstPlaces, isTrial: boolean): string {
  const sections = [
    [["# Written by goodmailto init. `goodmailto config sample` prints every setting with its meaning."]],
    [
      ["[smtp]"],
      line("listen", [places.listen], listenComment(places, isTrial)),
      line("status_folder", places.statusFolder),
    ],
    [["[domains]"], line("relay", answers.domains)],
    [
      ["[recipients]"],
      isTrial
        ? line("mode", "enforce", 'trial: for mail begin with "observe", which refuses nobody')
        : line("mode", "observe", 'nobody is refused; "enforce" once the log shows that the list is right'),
    ],
    [["[clients]"], rulesLine(isTrial)],
    [["[snapshot]"], line("path", places.snapshot)],
    sourceSection(answers),
    ...answers.domains.map((domain) => [
      ["[[route]]"],
      line("domain", domain),
      line("next_hop", answers.nextHop, "the internal mail server"),
    ]),
    [
      ["[[route]]"],
      line("domain", "*", "from clients that may send to other domains"),
      line("next_hop", "mx", 'or a server with a queue: "smtp://smarthost.example:25"'),
    ],
    ...recordSections(answers, places),
  ];
  return `${sections
    .map((lines) => lines.flat())
    .filter((lines) => lines.length > 1 || lines[0]?.startsWith("#") === true)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function listenComment({ listen }: FirstPlaces, isTrial: boolean): string {
  if (isTrial) {
    return 'trial: only this machine; for mail ["systemd"] (goodmailto.socket) or ["*:25"]';
  }
  return listen === "systemd" ? 'goodmailto.socket opens port 25; without systemd: ["*:25"]' : "IPv4 and IPv6";
}

function rulesLine(isTrial: boolean): string[] {
  const comment = "which clients are not checked, or may send to other domains";
  return isTrial
    ? [`# rules = "${firstFiles.rules}"                 # trial: for mail write this; ${comment}`]
    : line("rules", firstFiles.rules, comment);
}

function sourceSection({ preset, url, base, bindDn, notesDomain }: FirstAnswers): string[][] {
  return [
    ["[[source]]"],
    line("name", "directory"),
    line("type", "ldap"),
    line("preset", preset),
    line("url", [url]),
    line("base", base),
    line("bind_dn", bindDn),
    bindDn === "" ? [] : line("password_file", firstFiles.password, "mode 0600"),
    line("notes_domain", notesDomain),
  ];
}

function recordSections({ web, journal }: FirstAnswers, { stateFolder }: FirstPlaces): string[][][] {
  return [
    [["[state]"], line("folder", stateFolder)],
    [["[trace]"], journal === "0s" ? [] : line("keep", journal, "refusals and deliveries, for `goodmailto trace`")],
    [
      ["[web]"],
      line("listen", web),
      web === "" ? [] : line("token_file", firstFiles.token, "mode 0600: who has it may see the status page"),
    ],
  ];
}

/** A setting in a line of its own; none where there is nothing to say. */
function line(key: string, value: string | readonly string[], comment = ""): string[] {
  const text = `${key} = ${tomlValue(value)}`;
  return value === "" ? [] : [comment === "" ? text : `${text.padEnd(36)} # ${comment}`];
}
