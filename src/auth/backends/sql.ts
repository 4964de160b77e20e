/** A table of users in MariaDB, MySQL or SQLite: vpopmail's, or any other with a query of its own. */
import * as field from "../../config/fields.ts";
import { BackEndFault, defineBackEnd } from "./contract.ts";
import type { BackEnd, BackEndDefinition, BackEndServices } from "./contract.ts";
import { readAuthorities, readNamed } from "./server-url.ts";
import { parseQuery, valuesFor } from "./sql-query.ts";
import { SqlServer } from "./sql-server.ts";
import { SqlTable } from "./sql-table.ts";
import type { FindRows } from "./sql-table.ts";
import { SqlThread } from "./sql-thread.ts";

const urlRule: field.TextRule = {
  allowed: '"mysql://USER@HOST:3306/DATABASE", "sqlite:/PATH" or "", without a password',
  fits: (text) => text === "" || /^sqlite:\/./.test(text) || isServerUrl(text),
};

function isServerUrl(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "mysql:" && url.password === "" && url.username !== "" && /^\/[^/]+$/.test(url.pathname);
}

const queryRule: field.TextRule = {
  allowed: 'a query with :user, :name or :domain, or with one "?" for the name and one for the domain',
  fits: (text) => parseQuery(text) !== undefined,
};

export const sql: BackEndDefinition = defineBackEnd({
  name: "sql",
  doc: "A table of users in MariaDB, MySQL or SQLite. A server that is not on this machine is asked over TLS only.",
  settings: {
    url: field.textBy(urlRule, "", "Database: mysql://USER@HOST:3306/DATABASE or sqlite:/PATH. Empty: not asked."),
    socket: field.text("", "Unix socket of the server, in place of the host in url."),
    password_file: field.secretFile("File whose first line is the password of the user in url. Empty: none."),
    ca_file: field.file("", "relay", "CA certificates (PEM) for the server. Empty: those of Node."),
    query: field.textBy(
      queryRule,
      "SELECT pw_passwd AS crypt, pw_clear_passwd AS clear FROM vpopmail WHERE pw_name = :name AND pw_domain = :domain",
      "Gives one row with crypt (MD5-crypt, SHA-256-crypt, SHA-512-crypt or bcrypt), clear (the password itself) or both. :user is the login in small letters, :name and :domain its parts; with them a login without @ is unknown here. An alias of [domains] aliases stands for its domain.",
    ),
    pool: field.integer(4, 1, 100, "Maximum number of connections to the server, for each worker."),
  },
  key: "url",
  timeout: "5s",
  tellsUnknown: true,
  holdsClear,
  faults: ({ url, socket, ca_file: ca }) => [
    ...(url.startsWith("sqlite:") && socket !== ""
      ? [{ key: "socket", message: "needs url = mysql://…: SQLite has none" }]
      : []),
    ...(socket !== "" && ca !== ""
      ? [{ key: "ca_file", message: "must be empty: there is no TLS on a Unix socket" }]
      : []),
  ],
  create: open,
});

interface SqlValues {
  readonly url: string;
  readonly socket: string;
  readonly password_file: string;
  readonly ca_file: string;
  readonly query: string;
  readonly pool: number;
}

function open(settings: SqlValues, { log, domains }: BackEndServices): BackEnd {
  const query = parseQuery(settings.query);
  if (query === undefined) {
    throw new BackEndFault("[auth.sql] query has no placeholders");
  }
  const thread = new SqlThread();
  const server = settings.url.startsWith("mysql:") ? openServer(settings) : undefined;
  const file = settings.url.replace("sqlite:", "");
  const find: FindRows = (user, signal) => {
    const values = valuesFor(query, user, domains.canonical);
    if (values === undefined) {
      return undefined;
    }
    return server === undefined
      ? thread.run({ kind: "sqlite", file, sql: query.sql, values }, signal)
      : server.rows(query.sql, values, signal);
  };
  const table = new SqlTable(find, thread, log);
  return {
    check: ({ user, password }, signal) => table.check(user, password, signal),
    ...(holdsClear(settings) ? { clearOf: (user: string, signal: AbortSignal) => table.clearOf(user, signal) } : {}),
    close() {
      server?.close();
      thread.close();
    },
  };
}

/** Whether the query has a column of that name. */
function holdsClear({ query }: Pick<SqlValues, "query">): boolean {
  return /\bclear\b/i.test(query);
}

function openServer({ url, socket, password_file: file, ca_file: ca, pool }: SqlValues): SqlServer {
  const password = file === "" ? "" : (readNamed(file).split(/\r?\n/, 1)[0] ?? "");
  return new SqlServer({ url, socket, password, ca: readAuthorities(ca) ?? "", pool });
}
