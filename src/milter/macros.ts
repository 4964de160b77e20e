/** Macros: what a milter gets besides the commands. Names and moments are Sendmail's, as Postfix has them. */
import type { CheckSession } from "../hooks/check-session.ts";
import type { Mailbox } from "../mail/address.ts";
import { octetsOf } from "../mail/octets.ts";
import type { CommandLetter } from "./commands.ts";
import { nameOf } from "./commands.ts";

/** The moments at which macros are sent, by the numbers under which a milter chooses its own. */
export const macroMoments = ["connection", "helo", "mail", "rcpt", "data", "message", "header"] as const;
export type MacroMoment = (typeof macroMoments)[number];

/** The command that each moment's macros go in front of. */
export const macroCommands: Readonly<Record<MacroMoment, CommandLetter>> = {
  connection: "C",
  helo: "H",
  mail: "M",
  rcpt: "R",
  data: "T",
  message: "E",
  header: "N",
};

/** What a milter gets that chooses nothing. */
const usual: Readonly<Record<MacroMoment, readonly string[]>> = {
  connection: [
    "j",
    "_",
    "v",
    "{daemon_name}",
    "{daemon_addr}",
    "{daemon_port}",
    "{client_addr}",
    "{client_name}",
    "{client_port}",
  ],
  helo: ["{tls_version}", "{cipher}", "{cert_subject}"],
  mail: ["i", "{auth_type}", "{auth_authen}", "{mail_addr}", "{mail_host}"],
  rcpt: ["i", "{rcpt_addr}", "{rcpt_host}"],
  data: ["i"],
  message: ["i"],
  header: ["i"],
};

/** `{name}` for a name of several letters, whether or not it is written so. */
export function macroName(written: string): string {
  const bare = written.replace(/^\{(.*)\}$/s, "$1");
  return bare.length === 1 ? bare : `{${bare}}`;
}

/** Values that do not come from the session. */
export interface MacroFacts {
  readonly hostname: string;
  /** From the settings: they go before all others, and the others are sent at the connection. */
  readonly fixed: ReadonlyMap<string, string>;
}

/** The macros of a moment that have a value. @param chosen by the milter, for this moment */
export function macrosAt(
  moment: MacroMoment,
  session: CheckSession,
  { hostname, fixed }: MacroFacts,
  chosen: readonly string[] | undefined,
): ReadonlyMap<string, string> {
  const names = (chosen ?? usual[moment]).map(macroName);
  const all = moment === "connection" ? [...names, ...fixed.keys()] : names;
  const values = valuesOf(session, hostname);
  return new Map(
    [...new Set(all)].flatMap((name) => {
      const value = fixed.get(name) ?? values[name]?.();
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
}

function valuesOf(session: CheckSession, hostname: string): Readonly<Record<string, () => string | undefined>> {
  const { client, local, variables, transaction, recipient } = session;
  return {
    j: () => hostname,
    v: () => "goodmailto",
    i: () => session.ref,
    _: () => `${nameOf(client)}${client.host === "" ? "" : ` [${client.ip}]`}`,
    "{daemon_name}": () => session.listener,
    "{daemon_addr}": () => local.ip,
    "{daemon_port}": () => String(local.port),
    "{client_addr}": () => client.ip,
    "{client_name}": () => nameOf(client),
    "{client_port}": () => String(client.port),
    "{tls_version}": () => variables.get("TLSVERSION"),
    "{cipher}": () => variables.get("TLSCIPHER"),
    "{cert_subject}": () => variables.get("TLSCLIENTSUBJECT"),
    "{auth_type}": () => variables.get("SMTPAUTHMETHOD")?.toUpperCase(),
    "{auth_authen}": () => variables.get("SMTPAUTHUSER"),
    "{mail_addr}": () => transaction?.sender && octetsOf(transaction.sender.raw),
    "{mail_host}": () => domainOf(transaction?.sender),
    "{rcpt_addr}": () => recipient && octetsOf(recipient.raw),
    "{rcpt_host}": () => domainOf(recipient),
  };
}

function domainOf(mailbox: Mailbox | undefined): string | undefined {
  return mailbox?.domain;
}
