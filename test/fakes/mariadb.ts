/** A real MariaDB on a Unix socket in a folder of its own, and over TLS if asked; killed, frozen and started again at will. */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { createConnection } from "mysql2/promise";
import { freezeProcess } from "./frozen.ts";

const startDeadline = 60_000;
const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };

/** A port of loopback, where connections must have TLS. Both PEM files. */
export interface MariaDbTls {
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
}

export class MariaDb {
  readonly socket: string;
  readonly user = "root";
  readonly database = "test";
  readonly #folder: string;
  readonly #words: readonly string[];
  readonly #network: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(tls: MariaDbTls | undefined) {
    this.#folder = mkdtempSync(join(tmpdir(), "gmto-maria-"));
    chmodSync(this.#folder, 0o755);
    this.socket = join(this.#folder, "socket");
    const place = [`--datadir=${join(this.#folder, "data")}`, `--user=${userInfo().username}`];
    this.#words = ["--no-defaults", ...place];
    this.#network = tls === undefined ? ["--skip-networking"] : networkOf(tls);
  }

  static async start(tls?: MariaDbTls): Promise<MariaDb> {
    const server = new MariaDb(tls);
    await promisify(execFile)(
      "mariadb-install-db",
      [...server.#words, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"],
      { env, timeout: startDeadline },
    );
    await server.comeBack();
    await server.run(`CREATE DATABASE ${server.database} CHARACTER SET utf8mb4`, [], "mysql");
    return server;
  }

  /** Starts it, or ends a {@link freeze}. */
  async comeBack(): Promise<void> {
    if (this.#child !== undefined) {
      this.#child.kill("SIGCONT");
      return;
    }
    const own = [`--socket=${this.socket}`, ...this.#network, `--pid-file=${join(this.#folder, "pid")}`];
    // 2: what was committed outlives the process, if not the machine. With 0 a kill loses the last second.
    const small = ["--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=2", "--skip-log-bin"];
    this.#child = spawn("mariadbd", [...this.#words, ...own, ...small], { env, stdio: "ignore" });
    const end = Date.now() + startDeadline;
    while (!(await this.#answers())) {
      if (Date.now() > end) {
        throw new Error("MariaDB does not answer at its socket");
      }
      await delay(50);
    }
  }

  /** One statement. */
  async run(sql: string, values: readonly (string | null)[] = [], database: string = this.database): Promise<void> {
    const connection = await createConnection({ socketPath: this.socket, user: this.user, database });
    try {
      await connection.execute(sql, [...values]);
    } finally {
      await connection.end();
    }
  }

  /** It takes connections and bytes, and answers nothing. */
  freeze(): void {
    if (this.#child?.pid !== undefined) {
      freezeProcess(this.#child.pid);
    }
  }

  /** Ends it at once, like a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    try {
      await this.run("SELECT 1", [], "mysql");
      return true;
    } catch {
      return false;
    }
  }
}

function networkOf({ port, certificate, key }: MariaDbTls): string[] {
  const place = ["--bind-address=127.0.0.1", `--port=${port}`];
  return [...place, `--ssl-cert=${certificate}`, `--ssl-key=${key}`, "--require-secure-transport=ON"];
}
