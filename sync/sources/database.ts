/** Databases that a source reads: PostgreSQL, MariaDB and MySQL, SQLite. Rows come one after another, never all at once. */
import { isAbsolute, join } from "node:path";

import { isLoopbackName } from "../../src/mail/network.ts";

/** A row by the names of its columns. */
export type Columns = Readonly<Record<string, unknown>>;

/** A connection on which one query is asked. */
export interface Database {
  /** Rejects where the database refuses the query, or ends before its last row. */
  rows(query: string): AsyncIterator<Columns, unknown>;
  /** At once, whatever is under way; SQLite wants its iterator ended first. */
  close(): void;
}

/** Where it is, and who asks. */
export interface DatabasePlace {
  /** `postgres://host:port/database`, `mysql://…`, each with `?socket=/path` if it is on a Unix socket, or `sqlite:/path`. */
  readonly url: string;
  /** Where a relative path begins. */
  readonly folder: string;
  readonly user: string;
  readonly password: string;
  /** PEM; undefined: the CAs of Node. */
  readonly ca: string | undefined;
  /** ms for the connection. */
  readonly timeout: number;
}

/** Rows per fetch. */
const fetchSize = 1000;

/** Connects. Rejects with the driver's error. */
export function openDatabase(place: DatabasePlace): Promise<Database> {
  const scheme = place.url.split(":", 1)[0]?.toLowerCase();
  return scheme === "postgres" ? openPostgres(place) : scheme === "mysql" ? openMysql(place) : openSqlite(place);
}

interface Server {
  readonly host: string;
  readonly port: number | undefined;
  readonly database: string;
  readonly socket: string | undefined;
  /** Only a connection of this machine may be without TLS. */
  readonly ssl: { readonly ca?: string } | undefined;
}

function serverOf({ url, ca }: DatabasePlace): Server {
  const { hostname, port, pathname, searchParams } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket = searchParams.get("socket") ?? undefined;
  const plain = socket !== undefined || (isLoopbackName(host) && ca === undefined);
  return {
    host,
    port: port === "" ? undefined : Number(port),
    database: decodeURIComponent(pathname.slice(1)),
    socket,
    ssl: plain ? undefined : ca === undefined ? {} : { ca },
  };
}

async function openPostgres(place: DatabasePlace): Promise<Database> {
  const { host, port = 5432, database, socket, ssl } = serverOf(place);
  const { default: pg } = await import("pg");
  const client = new pg.Client({
    host: socket ?? host,
    port,
    database,
    ...(ssl === undefined ? {} : { ssl: { ...ssl, servername: host } }),
    ...(place.user === "" ? {} : { user: place.user }),
    password: place.password,
    connectionTimeoutMillis: place.timeout,
  });
  // Without a query an error must not end the process; a query under way rejects.
  client.on("error", () => undefined);
  const close = (): void => void client.connection.stream.destroy();
  try {
    await client.connect();
    await client.query("BEGIN READ ONLY");
    return { rows: (query) => fetchAll(async (text) => (await client.query<Columns>(text)).rows, query), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Page by page; the last one is not full. */
async function* fetchAll(ask: (text: string) => Promise<readonly Columns[]>, query: string): AsyncGenerator<Columns> {
  await ask(`DECLARE recipients NO SCROLL CURSOR FOR ${query}`);
  for (let isLast = false; !isLast;) {
    const page = await ask(`FETCH FORWARD ${fetchSize} FROM recipients`);
    isLast = page.length < fetchSize;
    yield* page;
  }
}

async function openMysql(place: DatabasePlace): Promise<Database> {
  const { host, port = 3306, database, socket, ssl } = serverOf(place);
  const { createConnection } = await import("mysql2");
  const connection = createConnection({
    ...(socket === undefined ? { host, port } : { socketPath: socket }),
    ...(ssl === undefined ? {} : { ssl }),
    database,
    ...(place.user === "" ? {} : { user: place.user }),
    password: place.password,
    connectTimeout: place.timeout,
    charset: "utf8mb4_bin",
    disableEval: true,
  });
  const { promise, resolve, reject } = Promise.withResolvers<Database>();
  let lost = (): void => undefined;
  // Without a query an error must not end the process; a query under way is not always told that the server is gone.
  connection.on("error", () => lost());
  connection.on("end", () => lost());
  connection.query("SET SESSION TRANSACTION READ ONLY", (error: Error | null) => {
    if (error !== null) {
      connection.destroy();
      return reject(error);
    }
    resolve({
      rows(query) {
        const stream = connection.query(query).stream({ highWaterMark: fetchSize });
        lost = () => void stream.destroy(new Error("the server closed the connection"));
        return stream[Symbol.asyncIterator]();
      },
      close: () => connection.destroy(),
    });
  });
  return promise;
}

async function openSqlite({ url, folder }: DatabasePlace): Promise<Database> {
  const { default: Sqlite } = await import("better-sqlite3");
  const path = url.replace(/^sqlite:/i, "");
  const file = new Sqlite(isAbsolute(path) ? path : join(folder, path), { readonly: true, fileMustExist: true });
  return {
    async *rows(query) {
      yield* file.prepare<[], Columns>(query).iterate();
    },
    close: () => file.close(),
  };
}
