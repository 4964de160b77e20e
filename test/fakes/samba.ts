/**
 * A real domain controller, Samba's, in a temporary folder: LDIF in, URLs out. Its ports cannot be set, so it has an
 * address of its own in 127.0.0.0/8; only root may listen there on 389, 636, 3268 and 3269.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { Client } from "ldapts";

import { createAuthority } from "./certificates.ts";

const run = promisify(execFile);
const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, NO_COLOR: "1" };
const startDeadline = 60_000;
const administrator = "Administrator@corp.example";
const password = "Verwalter-4711";

/** What the domain holds. */
export interface SambaOptions {
  /** LDIF texts, added one after the other: what extends the schema before what needs it. */
  readonly ldif: readonly string[];
}

/** A domain controller that runs. */
export class Samba {
  /** `127.x.y.z`, the same after each start. */
  readonly address: string;
  /** The CA of its certificate, which is for dc1.corp.example, localhost and the address. */
  readonly ca: string;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #words = "";

  private constructor(folder: string, address: string, ca: string) {
    this.#folder = folder;
    this.address = address;
    this.ca = ca;
  }

  /**
   * Makes the domain, fills it and starts its controller.
   * @throws Error with Samba's own words if it does not start
   */
  static async start({ ldif }: SambaOptions): Promise<Samba> {
    const folder = await mkdtemp(join(tmpdir(), "gmto-samba-"));
    try {
      const [address, { ca, issue }] = [await freeAddress(), await createAuthority(folder)];
      const { certificate, key } = await issue("dc1", `DNS:dc1.corp.example,DNS:localhost,IP:${address}`);
      await provision(folder);
      await writeFile(join(folder, "smb.conf"), describe(folder, address, certificate, key));
      const samba = new Samba(folder, address, ca);
      for (const text of ldif) {
        await samba.change(text);
      }
      await samba.comeBack();
      return samba;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Changes entries beside the server, in one transaction: LDIF as of RFC 2849. */
  async change(ldif: string): Promise<void> {
    const file = join(this.#folder, "change.ldif");
    await writeFile(file, ldif);
    const database = ["-H", join(this.#folder, "private/sam.ldb"), "--nosync"];
    const { stderr } = await run("ldbmodify", [...database, "--option=dsdb:schema update allowed=true", file], { env });
    // It ends with 0 though it stopped at the first entry that is not allowed.
    if (stderr.includes("ERR")) {
      throw new Error(`samba does not take an entry: ${stderr}`);
    }
  }

  /** Speaks LDAP as the administrator. */
  async withClient(work: (client: Client) => Promise<void>): Promise<void> {
    const client = new Client({ url: `ldaps://${this.address}`, tlsOptions: { ca: [await readFile(this.ca)] } });
    try {
      await client.bind(administrator, password);
      await work(client);
    } finally {
      await client.unbind();
    }
  }

  /** Where its partitions are. */
  get #databases(): string {
    return join(this.#folder, "private/sam.ldb.d");
  }

  /** A copy of its data, as that of a snapshot of its machine. Its folder goes away with the server's own. */
  async keepDatabase(): Promise<string> {
    await this.goAway();
    const copy = await mkdtemp(join(this.#folder, "copy-"));
    await cp(this.#databases, copy, { recursive: true });
    await this.comeBack();
    return copy;
  }

  async restoreDatabase(copy: string): Promise<void> {
    await this.goAway();
    await cp(copy, this.#databases, { recursive: true });
    await this.comeBack();
  }

  async comeBack(): Promise<void> {
    const words = ["-i", "-s", join(this.#folder, "smb.conf"), "--model=single", "--debug-stdout"];
    const child = spawn("samba", words, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (this.#words = (this.#words + chunk.toString()).slice(-10_000)));
    }
    const end = Date.now() + startDeadline;
    // The last of its ports to be opened.
    while (!(await listens(this.address, 3269))) {
      if (Date.now() > end || child.exitCode !== null) {
        await this.goAway();
        throw new Error(`samba does not start: ${this.#words}`);
      }
      await delay(50);
    }
  }

  async goAway(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await gone;
      clearTimeout(killer);
    }
  }

  async stop(): Promise<void> {
    await this.goAway();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** With the partitions of a domain that has DNS: a search from the domain's root then has references to follow. */
async function provision(folder: string): Promise<void> {
  // The system's own configuration is nobody's concern.
  const empty = join(folder, "empty.conf");
  await writeFile(empty, "[global]\n");
  const words = [
    `--configfile=${empty}`,
    ...["--realm=CORP.EXAMPLE", "--domain=CORP", "--host-name=dc1", "--host-ip=127.0.0.1"],
    ...["--server-role=dc", "--dns-backend=SAMBA_INTERNAL", `--adminpass=${password}`, "--quiet"],
    ...["--option=interfaces=lo", "--option=bind interfaces only=yes"],
  ];
  await run("samba-tool", ["domain", "provision", `--targetdir=${folder}`, ...words], { env, timeout: 240_000 });
}

function describe(folder: string, address: string, certificate: string, key: string): string {
  return [
    "[global]",
    `interfaces = ${address}/8`,
    "bind interfaces only = yes",
    "netbios name = DC1",
    "realm = CORP.EXAMPLE",
    "workgroup = CORP",
    "server role = active directory domain controller",
    "server services = ldap",
    `private dir = ${folder}/private`,
    `lock directory = ${folder}`,
    `pid directory = ${folder}`,
    `state directory = ${folder}/state`,
    `cache directory = ${folder}/cache`,
    `ncalrpc dir = ${folder}/ncalrpc`,
    `winbindd socket directory = ${folder}/winbind`,
    `ntp signd socket directory = ${folder}/ntp`,
    `log file = ${folder}/log`,
    `tls certfile = ${certificate}`,
    `tls keyfile = ${key}`,
    "tls cafile =",
    "",
  ].join("\n");
}

/** One that no other server of these tests has. @throws Error if twenty in a row are taken */
async function freeAddress(): Promise<string> {
  const part = (): number => 1 + Math.floor(Math.random() * 254);
  for (let tries = 0; tries < 20; tries += 1) {
    const address = `127.${part()}.${part()}.${part()}`;
    if (!(await listens(address, 389))) {
      return address;
    }
  }
  throw new Error("20 addresses of 127.0.0.0/8 in a row have a directory server");
}

async function listens(address: string, port: number): Promise<boolean> {
  const socket = connect(port, address);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
