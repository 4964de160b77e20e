/** Rows of a MariaDB or MySQL server: a pool of connections, each query with its deadline. */
import type { Pool, PoolConnection, PoolOptions } from "mysql2/promise";

import { isLoopbackName } from "../../mail/network.ts";
import { unlessAborted } from "../../wait/within.ts";

/** Where the server is, and the user. */
export interface SqlServerSettings {
  readonly url: string;
  /** Path of a Unix socket; "" for TCP. */
  readonly socket: string;
  readonly password: string;
  /** PEM; "" for the CAs of Node. */
  readonly ca: string;
  readonly pool: number;
}

/** Connections that nobody uses are ended after so many ms. */
const idle = 60_000;
/** The longest time for one connection, ms; a login's own deadline is shorter as a rule. */
const connecting = 10_000;

/** Only a connection of this machine may be without TLS: what comes back are password hashes, or passwords. */
function optionsOf({ url, socket, password, ca, pool }: SqlServerSettings): PoolOptions {
  const { hostname, port, username, pathname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const place = socket === "" ? { host, port: Number(port || 3306) } : { socketPath: socket };
  return {
    ...place,
    ...(socket !== "" || (isLoopbackName(host) && ca === "") ? {} : { ssl: ca === "" ? {} : { ca } }),
    user: decodeURIComponent(username),
    password,
    database: decodeURIComponent(pathname.slice(1)),
    charset: "utf8mb4_bin",
    connectionLimit: pool,
    maxIdle: pool,
    idleTimeout: idle,
    connectTimeout: connecting,
    disableEval: true,
  };
}

export class SqlServer {
  readonly #options: PoolOptions;
  #pool: Promise<Pool> | undefined;

  constructor(settings: SqlServerSettings) {
    this.#options = optionsOf(settings);
  }

  /** Rejects where the server does not answer in time, or not to this query. */
  async rows(sql: string, values: readonly string[], signal: AbortSignal): Promise<unknown> {
    const connection = await this.#connection(signal);
    const onLate = (): void => connection.destroy();
    signal.addEventListener("abort", onLate, { once: true });
    try {
      const [rows] = await connection.execute(sql, [...values]);
      connection.release();
      return rows;
    } catch (error) {
      connection.destroy();
      throw error;
    } finally {
      signal.removeEventListener("abort", onLate);
    }
  }

  /** Ends the connections when they are free; another question opens new ones. */
  close(): void {
    const pool = this.#pool;
    this.#pool = undefined;
    pool?.then((open) => open.end()).catch(() => undefined);
  }

  async #connection(signal: AbortSignal): Promise<PoolConnection> {
    this.#pool ??= import("mysql2/promise").then(({ createPool }) => createPool(this.#options));
    const coming = (await this.#pool).getConnection();
    try {
      return await unlessAborted(coming, signal, "no connection in time");
    } catch (error) {
      // One that comes after all goes back.
      coming.then((connection) => connection.release()).catch(() => undefined);
      throw error;
    }
  }
}
