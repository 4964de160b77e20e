/** What stands for a source of the site in a sandbox: a directory, a SQLite database or a list of made-up recipients. */
import { ftruncateSync, closeSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";

import Sqlite from "better-sqlite3";

import { makeSelfSigned } from "../auth/self-signed.ts";
import type { SourceSettings } from "../config/sources.ts";
import { startDirectory } from "../demo/directory.ts";
import type { DirectoryFaults } from "../demo/faults.ts";
import { reader } from "../demo/settings.ts";
import { entriesOf, listOf } from "./people.ts";

/** How many of its entries a directory sends before its connection breaks: less than half. */
const cutAt = 90;

/** Where a source of the sandbox is. */
export interface SourcePlace {
  readonly url: string;
  /** Of LDAPS: the certificates that are trusted. */
  readonly ca?: string | undefined;
}

/** One of them, and what can be broken of it. */
export interface StandIn {
  readonly place: SourcePlace;
  /** Nobody listens there, or the file is gone. */
  stop(): Promise<void>;
  /** Only these people are left. @param isKept asked with the place of each, from 0 */
  keep(isKept: (place: number) => boolean): void;
  /** It breaks off in the middle of the people. */
  cut(): void;
}

/** What it is made of. */
export interface StandInOptions {
  /** Undefined: the list that another machine makes. */
  readonly source: SourceSettings | undefined;
  readonly people: readonly string[];
  /** Its files begin with this path. */
  readonly path: string;
  /** Of the reader that binds to a directory. */
  readonly password: string;
  /** A directory shows the certificate of another name. */
  readonly wrongName: boolean;
}

/** Starts it. Rejects if it cannot. */
export async function openStandIn(options: StandInOptions): Promise<StandIn> {
  const { source, path } = options;
  if (source?.type === "ldap") {
    return await openLdap(options, source);
  }
  return source !== undefined && isSqlite(source)
    ? openFile(options, `${path}.sqlite`, `sqlite:${path}.sqlite`, writeDatabase)
    : openFile(options, `${path}.list`, `${path}.list`, (file, people) => writeFileSync(file, listOf(people)));
}

async function openLdap(
  { people, path, password, wrongName }: StandInOptions,
  source: SourceSettings,
): Promise<StandIn> {
  const faults: DirectoryFaults = {};
  const tls = usesTls(source) ? makeSelfSigned([wrongName ? "elsewhere.example" : "127.0.0.1"], validity()) : undefined;
  const ca = `${path}.pem`;
  if (tls !== undefined) {
    writeFileSync(ca, tls.certificate);
  }
  const directory = await startDirectory(entriesOf(people, source), {
    ...(source.bind_dn === "" ? {} : { bindDn: reader, password }),
    ...(tls === undefined ? {} : { tls: { cert: tls.certificate, key: tls.key } }),
    faults,
  });
  return {
    place: { url: directory.url, ca: tls === undefined ? undefined : ca },
    stop: () => directory.close(),
    keep: (isKept) => void (faults.page = (entries) => entries.filter((_, i) => isKept(i))),
    cut: () => void (faults.cutAtEntry = cutAt),
  };
}

function openFile(
  { people }: StandInOptions,
  file: string,
  url: string,
  write: (file: string, people: readonly string[]) => void,
): StandIn {
  write(file, people);
  return {
    place: { url },
    stop: async () => rmSync(file, { force: true }),
    keep: (isKept) =>
      write(
        file,
        people.filter((_, i) => isKept(i)),
      ),
    cut: () => tear(file),
  };
}

/** As a copy that broke off leaves it: half of the file. */
export function tear(path: string): void {
  const file = openSync(path, "r+");
  ftruncateSync(file, Math.floor(statSync(path).size / 2));
  closeSync(file);
}

/** What the site's own query is replaced by. */
export const query = "SELECT address, 'account' AS kind FROM people";

function writeDatabase(path: string, people: readonly string[]): void {
  rmSync(path, { force: true });
  const database = new Sqlite(path);
  try {
    database.exec("CREATE TABLE people (address TEXT NOT NULL)");
    const insert = database.prepare("INSERT INTO people (address) VALUES (?)");
    database.transaction(() => people.forEach((address) => insert.run(address)))();
  } finally {
    database.close();
  }
}

/** A database that needs no server: the sandbox has a true one. */
export function isSqlite({ type, url }: Pick<SourceSettings, "type" | "url">): boolean {
  return type === "sql" && url.every((one) => /^sqlite:/i.test(one));
}

/** Whether a certificate is asked for. */
export function usesTls(source: Pick<SourceSettings, "starttls" | "url">): boolean {
  return source.starttls || source.url.some((url) => url.startsWith("ldaps://"));
}

function validity(): { readonly from: Date; readonly days: number } {
  return { from: new Date(Date.now() - 86_400_000), days: 400 };
}
