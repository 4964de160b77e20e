/**
 * A real Dovecot in a folder of its own: IMAP on loopback, and sockets where Postfix asks it for passwords and where mail
 * comes in by LMTP. Needs root.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { createAuthority } from "./certificates.ts";
import { freePort } from "./free-port.ts";

const startDeadline = 30_000;
const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };

export class Dovecot {
  readonly folder: string;
  readonly imap: number;
  readonly imaps: number;
  /** The CA of its certificate, which is for localhost. */
  readonly ca: string;
  /** Where Postfix asks. */
  readonly authSocket: string;
  /** Where it speaks LMTP, if that is asked for. */
  readonly lmtpSocket: string;
  #child: ChildProcess | undefined;

  private constructor(folder: string, ca: string, imap: number, imaps: number) {
    this.folder = folder;
    this.ca = ca;
    this.imap = imap;
    this.imaps = imaps;
    this.authSocket = join(folder, "auth-client");
    this.lmtpSocket = join(folder, "lmtp");
  }

  /** @param more lines of its configuration */
  static async start(users: ReadonlyMap<string, string>, more: readonly string[] = []): Promise<Dovecot> {
    const folder = mkdtempSync(join(tmpdir(), "gmto-dove-"));
    chmodSync(folder, 0o755);
    const { ca, issue } = await createAuthority(folder);
    const { certificate, key } = await issue("localhost", "DNS:localhost,IP:127.0.0.1");
    const server = new Dovecot(folder, ca, await freePort(), await freePort());
    const lines = [...users].map(
      ([user, password]) => `${user}:{PLAIN.b64}${Buffer.from(password).toString("base64")}\n`,
    );
    writeFileSync(join(folder, "users"), lines.join(""));
    mkdirSync(join(folder, "mail"));
    chmodSync(join(folder, "mail"), 0o777);
    writeFileSync(join(folder, "dovecot.conf"), [...server.#configuration(certificate, key), ...more, ""].join("\n"));
    await server.comeBack();
    return server;
  }

  #configuration(certificate: string, key: string): string[] {
    const { folder } = this;
    return [
      `base_dir = ${folder}/run`,
      `state_dir = ${folder}/state`,
      `log_path = ${folder}/log`,
      "protocols = imap",
      "listen = 127.0.0.1",
      "ssl = yes",
      `ssl_cert = <${certificate}`,
      `ssl_key = <${key}`,
      "disable_plaintext_auth = no",
      "auth_mechanisms = plain login",
      "auth_failure_delay = 0",
      `mail_location = maildir:${folder}/mail/%u`,
      "mail_max_userip_connections = 1000",
      "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}",
      `service imap-login {\n  service_count = 0\n  inet_listener imap {\n    port = ${this.imap}\n  }\n  inet_listener imaps {\n    port = ${this.imaps}\n    ssl = yes\n  }\n}`,
      "service stats {\n  client_limit = 2000\n}",
      `service auth {\n  unix_listener ${this.authSocket} {\n    mode = 0666\n  }\n}`,
      `passdb {\n  driver = passwd-file\n  args = ${folder}/users\n}`,
      `userdb {\n  driver = static\n  args = uid=65534 gid=65534 home=${folder}/mail/%u\n}`,
    ];
  }

  /** Starts it, or ends a {@link freeze}. */
  async comeBack(): Promise<void> {
    if (this.#child !== undefined) {
      this.#signal("SIGCONT");
      return;
    }
    const words = ["-F", "-c", join(this.folder, "dovecot.conf")];
    this.#child = spawn("dovecot", words, { env, stdio: "ignore", detached: true });
    const end = Date.now() + startDeadline;
    while (!(await greets(this.imap))) {
      if (Date.now() > end) {
        throw new Error(`Dovecot does not answer at port ${this.imap}: ${this.#log()}`);
      }
      await delay(50);
    }
  }

  /** Lines of configuration with which it takes mail by LMTP, also at this port of loopback. */
  static lmtp(port: number): readonly string[] {
    return [
      "protocols = lmtp imap",
      "lmtp_save_to_detail_mailbox = no",
      "auth_username_format = %Ln",
      "first_valid_uid = 1",
      `service lmtp {\n  unix_listener ../lmtp {\n    mode = 0666\n  }\n  inet_listener lmtp {\n    address = 127.0.0.1\n    port = ${port}\n  }\n}`,
    ];
  }

  /** It takes connections and bytes, and answers nothing. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  /** Ends it at once, like a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      this.#signal("SIGKILL");
      await exited;
    }
    this.#child = undefined;
    rmSync(join(this.folder, "run/master.pid"), { force: true });
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #log(): string {
    try {
      return readFileSync(join(this.folder, "log"), "utf8").slice(-2000);
    } catch {
      return "no log";
    }
  }

  #signal(name: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) {
      process.kill(-this.#child.pid, name);
    }
  }
}

/** Whether it says "* OK" within a second. */
async function greets(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(1000) })) as [Buffer];
    return chunk.toString().startsWith("* OK");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
