/**
 * The administrator's configuration, made harmless: what decides about recipients stays as it is, and whatever leads out
 * of the sandbox (directories, next hops, state, logs, alerts, services) leads to the sandbox or is left out.
 */
import { dirname } from "node:path";

import type { Placed } from "../compose/settings.ts";
import { fileFields, resolvePath, unreadable } from "../config/setting-files.ts";
import { isTable, valueAt } from "../config/shape.ts";
import { tomlValue } from "../config/toml-value.ts";
import type { SourceSettings } from "../config/sources.ts";
import { reader } from "../demo/settings.ts";
import { canariesOf, drillClass } from "./people.ts";
import { isSqlite, query } from "./stand-in.ts";
import type { SourcePlace } from "./stand-in.ts";

type Table = Record<string, unknown>;

/** Where everything of the sandbox is. All paths are absolute. */
export interface Places {
  readonly folder: string;
  readonly metricsPort: number;
  readonly hopPort: number;
  /** By the name of the source: an LDAP source has `ldap` or `ldaps` here, one of SQLite `sqlite:`, any other the path of a list. */
  readonly sources: ReadonlyMap<string, SourcePlace>;
  /** The sandbox's own keys, if the site hashes or signs its list. */
  readonly secret?: string | undefined;
  readonly signingKey?: string | undefined;
  readonly publicKey?: string | undefined;
}

/** Stands for the list that another machine makes, if there is no `[[source]]`. */
export const foreignMade = "drill";
export const fileNames = {
  config: "goodmailto.toml",
  password: "directory.password",
  snapshot: "snapshot.sqlite",
  alerts: "alerts",
  run: "run",
} as const;
/** ms; a drill must not wait as long as a sender would. */
export const hopTimeout = 2000;

/** They need nothing but the session and files: the others ask servers, programs or a state that the drill must leave alone. */
const localChecks: ReadonlySet<string> = new Set([
  ...["verybadrcptto", "badmailfrom", "badmailfromto", "badrcptto", "badrcptto_patterns", "badhelo"],
  ...["goodrcptto", "rcpt_regexp", "bounce_rcpt", "authlogger", "goodmailto", "loop", "basicheaders", "relocated"],
]);
/** Keys of a section that stay; of one that is not named here, none. */
const kept: Readonly<Record<string, readonly string[]>> = {
  smtp: [
    ...["hostname", "max_message_size", "max_recipients", "bare_newlines", "lenient_helo", "idn", "idle_timeout"],
    ...["max_connections", "max_connections_per_client", "qpsmtpd_codes"],
  ],
  domains: ["relay", "aliases"],
  clients: ["rules", "relayclients", "morerelayclients", "norelayclients"],
  snapshot: ["max_age"],
  recipients: [
    ...["mode", "reply", "match", "always", "catch_all", "recipient_delimiter", "signed_return_paths", "grace"],
    ...["stale_after", "unless", "permanent", "close", "points"],
  ],
  sync: [
    ...["max_shrink", "max_shrink_domain", "max_shrink_kind", "min_shrink_number", "max_shrink_number", "max_growth"],
    ...["canaries", "keep"],
  ],
  alert: ["after_failures"],
  control: [],
  checks: [],
};
/** Sections of which a part stays. */
const remade: ReadonlySet<string> = new Set([...Object.keys(kept), "source", "route", "domain", "listener"]);
const sourceKeys = ["name", "preset", "attributes", "resource_classes", "domains", "lookup", "notes_domain"];
const routeKeys = ["domain", "replies"];

/** What was made of it. */
export interface Derived {
  readonly text: string;
  /** What differs from the site, for the report. */
  readonly notes: readonly string[];
  /** `[alert] after_failures` in the sandbox. */
  readonly afterFailures: number;
}

/** @param file the site's own file, from whose folder its relative paths are taken */
export function deriveConfig({ settings, given, schema }: Placed, file: string, places: Places): Derived {
  const notes: string[] = [];
  const section = (name: string): Table => pick(valueAt(given.value, [name]), kept[name] ?? []);
  const own: Table = Object.fromEntries(Object.keys(kept).map((name) => [name, section(name)]));
  own["domain"] = tablesAt(given.value, "domain");
  own["checks"] = checksOf(settings, given.value, notes);
  absolute(own, file, schema, notes);
  const afterFailures = Math.min(settings.alert.after_failures, 3);
  const overlay: Readonly<Record<string, Table>> = {
    smtp: { greeting_delay: "0ms", shutdown_timeout: "2s", workers: 1, status_folder: `${places.folder}/run` },
    snapshot: {
      ...{ path: `${places.folder}/${fileNames.snapshot}`, copy_folder: places.folder, served_file: "" },
      ...(places.secret === undefined ? {} : { key_file: places.secret }),
      ...(places.signingKey === undefined ? {} : { signing_key_file: places.signingKey }),
      ...(places.publicKey === undefined ? {} : { public_key_file: places.publicKey }),
    },
    sync: { canaries: [...canariesOf(settings).values()].flat() },
    guard: { traffic: false },
    alert: { after_failures: afterFailures, ...alertOf(settings, places) },
    control: {
      folders: [dirname(resolvePath(file, "x")), ...settings.control.folders].map((path) => resolvePath(file, path)),
    },
    // Client rules with host names must not ask the site's name servers.
    dns: { servers: ["127.0.0.1:9"], timeout: "10ms" },
    state: { store: "memory" },
    log: { format: "json", level: "info", sinks: ["stderr"] },
    metrics: { listen: `127.0.0.1:${places.metricsPort}` },
  };
  for (const [name, table] of Object.entries(overlay)) {
    own[name] = { ...(isTable(own[name]) ? own[name] : {}), ...table };
  }
  own["listener"] = [{ name: "drill", listen: ["127.0.0.1:0"], tls: "off", proxy_from: ["127.0.0.1"] }];
  own["route"] = routesOf(settings, given.value, places);
  own["source"] = sourcesOf(settings, given.value, places, notes);
  notes.push(...differences(settings, given.value, afterFailures));
  return { text: tomlText(own), notes, afterFailures };
}

function pick(value: unknown, keys: readonly string[]): Table {
  const table: Table = isTable(value) ? { ...value } : {};
  return Object.fromEntries(keys.flatMap((key) => (key in table ? [[key, table[key]]] : [])));
}

function tablesAt(value: unknown, name: string): Table[] {
  const found = valueAt(value, [name]);
  return Array.isArray(found) ? found.filter(isTable).map((table) => ({ ...table })) : [];
}

/** The order of the port that takes mail from outside, of which the checks that ask nobody stay. */
function checksOf(settings: Placed["settings"], given: unknown, notes: string[]): Table {
  const outside = settings.listener.find(({ auth }) => !auth)?.checks;
  const run = outside ?? settings.checks.run;
  const isLocal = (label: string): boolean => localChecks.has(label.split(":")[0] ?? "");
  const off = run.filter((label) => !isLocal(label));
  if (off.length > 0) {
    notes.push(`checks and plugins that ask servers, programs or a state do not run: ${off.join(", ")}`);
  }
  const names = new Set(run.filter(isLocal).map((label) => label.split(":")[0] ?? ""));
  return { run: run.filter(isLocal), ...pick(valueAt(given, ["checks"]), [...names]) };
}

/** Files are read where they are; one that this user may not read is left out. */
function absolute(own: Table, file: string, schema: Placed["schema"], notes: string[]): void {
  for (const { path, value, mayBeMissing } of fileFields(schema, own, [])) {
    const parent = valueAt(own, path.slice(0, -1));
    const full = resolvePath(file, value);
    if (!(mayBeMissing && !value.includes("/")) && typeof parent === "object" && parent !== null) {
      const problem = mayBeMissing ? undefined : unreadable(full);
      Reflect.set(parent, path.at(-1) ?? "", problem === undefined ? full : "");
      notes.push(...(problem === undefined ? [] : [`${path.join(".")} is left out: ${problem}`]));
    }
  }
}

/** Its words are noted in the sandbox, and nobody is told. */
function alertOf({ alert }: Placed["settings"], { folder }: Places): Table {
  const script = 'printf "%s %s\\n" "$GOODMAILTO_EVENT" "$GOODMAILTO_FAILURES" >> "$0"';
  return alert.command.length + alert.mail.length === 0
    ? {}
    : { command: ["/bin/sh", "-c", script, `${folder}/${fileNames.alerts}`] };
}

function routesOf({ route }: Placed["settings"], given: unknown, { hopPort }: Places): Table[] {
  const tables = tablesAt(given, "route");
  return (tables.length === 0 ? [{ domain: "*" }] : tables).map((table) => ({
    ...pick(table, routeKeys),
    next_hop: `smtp://127.0.0.1:${hopPort}`,
    timeout: `${hopTimeout}ms`,
    data_timeout: `${hopTimeout}ms`,
    ...(route.length === 0 ? { domain: "*" } : {}),
  }));
}

function sourcesOf(settings: Placed["settings"], given: unknown, places: Places, notes: string[]): Table[] {
  const tables = tablesAt(given, "source");
  if (tables.length === 0) {
    notes.push("there is no [[source]] here: a list of the sandbox stands for the one that another machine makes");
    return [{ name: foreignMade, type: "list", url: [places.sources.get(foreignMade)?.url ?? ""] }];
  }
  return settings.source.map((source, i) => {
    const place = places.sources.get(source.name);
    const table = pick(tables[i], source.type === "ldap" ? sourceKeys : ["name", "domains"]);
    const hop = source.next_hop.length > 0 ? { next_hop: [`smtp://127.0.0.1:${places.hopPort}`] } : {};
    const rest = source.type === "ldap" ? ldapOf(source, place, places) : fileOf(source, place);
    return { ...table, ...rest, ...hop };
  });
}

function fileOf(source: SourceSettings, place: SourcePlace | undefined): Table {
  const url = [place?.url ?? ""];
  return isSqlite(source) ? { type: "sql", url, query } : { type: "list", url };
}

function ldapOf({ bind_dn: bindDn }: SourceSettings, place: SourcePlace | undefined, { folder }: Places): Table {
  return {
    type: "ldap",
    url: [place?.url ?? ""],
    ...(bindDn === "" ? {} : { bind_dn: reader, password_file: `${folder}/${fileNames.password}` }),
    ...(place?.ca === undefined ? {} : { ca_file: place.ca }),
    filter: `(objectClass=${drillClass})`,
    page_size: 20,
    timeout: "2s",
  };
}

function differences(settings: Placed["settings"], given: unknown, afterFailures: number): string[] {
  const left = Object.keys(isTable(given) ? given : {}).filter((name) => !remade.has(name));
  const others = settings.source.filter((source) => source.type !== "ldap" && !isSqlite(source));
  const types = [...new Set(others.map(({ type }) => type))];
  const lines = [
    [left.length > 0, `these sections have no effect in the sandbox: ${left.join(", ")}`],
    [settings.source.some(({ type }) => type === "ldap"), "directories have made-up entries; filters are not used"],
    [settings.source.some(isSqlite), "SQLite databases are made up; queries of the site are not used"],
    [
      types.length > 0,
      `sources of type ${types.join(", ")} are lists of made-up recipients, in files: the cases of the directory break those`,
    ],
    [
      settings.sync.canaries.length > [...canariesOf(settings).values()].flat().length,
      "[sync] canaries that are no addresses, or in the domain of no source, do not count",
    ],
    [settings.listener.length > 0, "of [[listener]], only the checks of the first without AUTH count"],
    [settings.recipients.live !== "", "[recipients] live is off: nobody is asked about recipients that are not listed"],
    [settings.snapshot.canary > 0, "[snapshot] canary is off: a new list is used at once"],
    [settings.guard.traffic, "[guard] traffic is off: the sandbox does not know who gets mail"],
    [true, `next hops take SMTP without TLS, and have ${hopTimeout / 1000} s to answer`],
    [
      settings.alert.after_failures > afterFailures,
      `[alert] after_failures is ${afterFailures}, not ${settings.alert.after_failures}`,
    ],
  ] as const;
  return lines.flatMap(([holds, text]) => (holds ? [text] : []));
}

/** Each section in a line or more of its own, for people who look at it. */
function tomlText(own: Table): string {
  const lines = (table: Table): string[] => Object.entries(table).map(([key, value]) => `${key} = ${tomlValue(value)}`);
  return Object.entries(own)
    .flatMap(([name, value]) =>
      Array.isArray(value)
        ? value.filter(isTable).flatMap((table) => [`[[${name}]]`, ...lines({ ...table }), ""])
        : [`[${name}]`, ...lines(isTable(value) ? { ...value } : {}), ""],
    )
    .join("\n");
}
