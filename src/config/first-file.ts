/** The configuration that `goodmailto init` begins with: one directory, one next hop, and nobody is refused yet. */
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
}

/** The text of goodmailto.toml. */
export function firstConfig(answers: FirstAnswers): string {
  const { url, bindDn, base, preset, notesDomain, domains, nextHop } = answers;
  const setting = (key: string, value: string, comment = ""): string[] =>
    value === "" ? [] : [`${key} = ${tomlValue(value)}${comment}`];
  return `${[
    "# Written by goodmailto init. `goodmailto config sample` prints every setting with its meaning.",
    "",
    "[smtp]",
    'listen = ["systemd"]                 # goodmailto.socket opens port 25; without systemd: ["*:25"]',
    "",
    "[domains]",
    `relay = ${tomlValue(domains)}`,
    "",
    "[recipients]",
    'mode = "observe"                     # nobody is refused; "enforce" once the log shows that the list is right',
    "",
    "[clients]",
    'rules = "tcp.smtp"                   # which clients are not checked, or may send to other domains',
    "",
    "[[source]]",
    'name = "directory"',
    'type = "ldap"',
    `preset = ${tomlValue(preset)}`,
    `url = ${tomlValue([url])}`,
    ...setting("base", base),
    ...setting("bind_dn", bindDn),
    ...(bindDn === "" ? [] : ['password_file = "ldap-password"     # mode 0600']),
    ...setting("notes_domain", notesDomain),
    ...domains.flatMap((domain) => [
      "",
      "[[route]]",
      `domain = ${tomlValue(domain)}`,
      `next_hop = ${tomlValue(nextHop)}`,
    ]),
  ].join("\n")}\n`;
}
