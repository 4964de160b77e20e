/** A real PostgreSQL on a Unix socket, and with TLS on a port of loopback, in a folder of its own; frozen and killed at will. */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import pg from "pg";

import { freePort } from "./free-port.ts";
import { freezeProcess } from "./frozen.ts";

const startDeadline = 60_000;

/** Debian has no link to it in the path. */
function programs(): string {
  return globSync("/usr/lib/postgresql/*/bin").at(-1) ?? "";
}

/** The user that Debian's package makes; PostgreSQL does not run as root. */
function owner(): { readonly uid: number; readonly gid: number } | undefined {
  const [, , uid = "", gid = ""] =
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.startsWith("postgres:"))
      ?.split(":") ?? [];
  return process.getuid?.() === 0 ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

export class Postgres {
  /** The folder of its socket. */
  readonly folder: string;
  readonly port: number;
  readonly user = "inside";
  readonly password = "geheim";
  readonly #as = owner();
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), "gmto-pg-"));
    if (this.#as !== undefined) {
      chownSync(this.folder, this.#as.uid, this.#as.gid);
    }
  }

  /** @param tls PEM files; logins over TCP need a password */
  static async start(tls: { readonly certificate: string; readonly key: string }): Promise<Postgres> {
    const server = new Postgres(await freePort());
    await promisify(execFile)(
      join(programs(), "initdb"),
      [
        "-D",
        server.#data,
        "-U",
        server.user,
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
      ],
      { timeout: startDeadline, ...server.#as },
    );
    server.#own(tls.certificate, "server.crt");
    server.#own(tls.key, "server.key");
    await server.comeBack();
    await server.run(`ALTER USER ${server.user} PASSWORD '${server.password}'`);
    return server;
  }

  /** Starts it, or ends a {@link freeze}. */
  async comeBack(): Promise<void> {
    if (this.#child !== undefined) {
      this.#child.kill("SIGCONT");
      return;
    }
    const settings = ["fsync=off", "ssl=on", "listen_addresses=127.0.0.1", `unix_socket_directories=${this.folder}`];
    this.#child = spawn(
      join(programs(), "postgres"),
      ["-D", this.#data, "-p", String(this.port), ...settings.flatMap((one) => ["-c", one])],
      { stdio: "ignore", ...this.#as },
    );
    const end = Date.now() + startDeadline;
    while (!(await this.#answers())) {
      if (Date.now() > end) {
        throw new Error("PostgreSQL does not answer at its socket");
      }
      await delay(50);
    }
  }

  /** Statements. */
  async run(text: string): Promise<void> {
    const client = new pg.Client({ host: this.folder, port: this.port, user: this.user, database: "postgres" });
    // One that ends other connections may end this one.
    client.on("error", () => undefined);
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  }

  /** It takes connections and bytes, and answers nothing new. */
  freeze(): void {
    if (this.#child?.pid !== undefined) {
      freezeProcess(this.#child.pid);
    }
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null) {
      const exited = once(child, "exit");
      child.kill("SIGCONT");
      child.kill("SIGQUIT");
      await exited;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.folder, "data");
  }

  #own(file: string, name: string): void {
    const place = join(this.#data, name);
    copyFileSync(file, place);
    chmodSync(place, 0o600);
    if (this.#as !== undefined) {
      chownSync(place, this.#as.uid, this.#as.gid);
    }
  }

  async #answers(): Promise<boolean> {
    try {
      await this.run("SELECT 1");
      return true;
    } catch {
      return false;
    }
  }
}
