/** A real slapd in a temporary folder: schemas and LDIF in, URLs out. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);
/** Debian keeps slapd where the PATH of a user does not lead. */
const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/local/sbin` };

/** What the directory holds and allows. */
export interface SlapdOptions {
  readonly suffix: string;
  /** Names of slapd's own schemas ("core") or paths of others, in order. */
  readonly schemas: readonly string[];
  /** LDIF text; the suffix's own entry first. */
  readonly ldif: string;
  /** Lines of slapd.conf before the database ("sizelimit 500", "TLSCertificateFile …"). */
  readonly global?: readonly string[];
  /** Lines of slapd.conf within the database ("limits …", "access …"). */
  readonly database?: readonly string[];
  /** Serve ldaps:// too. */
  readonly tls?: boolean;
  /** Log operations (slapd's level "stats"), for {@link Slapd.log}. */
  readonly stats?: boolean;
}

export interface Slapd {
  readonly ldap: string;
  readonly ldaps: string;
  readonly ldapi: string;
  readonly port: number;
  /** Who may do everything. */
  readonly rootDn: string;
  readonly rootPassword: string;
  /** What it has logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * Starts one and waits until it answers.
 * @throws Error with slapd's own words if it does not start
 */
export async function startSlapd(options: SlapdOptions): Promise<Slapd> {
  const folder = await mkdtemp(join(tmpdir(), "gmto-slapd-"));
  try {
    const rootDn = `cn=root,${options.suffix}`;
    const rootPassword = "very secret";
    const configuration = join(folder, "slapd.conf");
    await writeFile(configuration, describe(options, folder, rootDn, rootPassword));
    await writeFile(join(folder, "data.ldif"), options.ldif);
    await run("slapadd", ["-q", "-f", configuration, "-l", join(folder, "data.ldif")], { env });
    const [port, securePort] = [await freePort(), await freePort()];
    const ldapi = `ldapi://${encodeURIComponent(join(folder, "ldapi"))}`;
    const ldap = `ldap://127.0.0.1:${port}`;
    const ldaps = `ldaps://127.0.0.1:${securePort}`;
    const urls = [ldap, ldapi, ...(options.tls === true ? [ldaps] : [])];
    const child = spawn(
      "slapd",
      ["-d", options.stats === true ? "stats" : "0", "-f", configuration, "-h", urls.join(" ")],
      {
        env,
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    let words = "";
    child.stderr.on("data", (chunk: Buffer) => (words += chunk.toString()));
    await listening(child, port, () => words);
    return { ldap, ldaps, ldapi, port, rootDn, rootPassword, log: () => words, stop: () => stop(child, folder) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function describe(options: SlapdOptions, folder: string, rootDn: string, rootPassword: string): string {
  const schemas = options.schemas.map((name) => (isAbsolute(name) ? name : `/etc/ldap/schema/${name}.schema`));
  return [
    ...schemas.map((path) => `include ${path}`),
    "modulepath /usr/lib/ldap",
    "moduleload back_mdb",
    `pidfile ${folder}/slapd.pid`,
    `defaultsearchbase "${options.suffix}"`,
    ...(options.global ?? []),
    "database mdb",
    `suffix "${options.suffix}"`,
    `directory ${folder}`,
    "maxsize 1073741824",
    "dbnosync",
    `rootdn "${rootDn}"`,
    `rootpw "${rootPassword}"`,
    ...(options.database ?? []),
    "",
  ].join("\n");
}

async function listening(child: ChildProcess, port: number, words: () => string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const open = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) {
      return;
    }
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`slapd does not start: ${words()}`);
    }
    await sleep(20);
  }
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await gone;
    clearTimeout(killer);
  }
  await rm(folder, { recursive: true, force: true });
}
