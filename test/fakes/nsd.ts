/** Debian's nsd on loopback: the zones of a test, served by a name server of the field, in a folder of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { exchange } from "../../src/dns/exchange.ts";
import { freePort } from "./free-port.ts";

const startDeadline = 10_000;

/** A running nsd. */
export class Nsd {
  /** `address:port`, as settings want it. */
  readonly server: string;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(server: string, folder: string, child: ChildProcess) {
    this.server = server;
    this.#folder = folder;
    this.#child = child;
  }

  /**
   * @param zones name → lines of a zone file behind SOA and NS, names relative to the zone
   * @param address of 127.0.0.0/8
   * @param port 0: a free one
   */
  static async start(zones: Readonly<Record<string, string>>, address = "127.0.0.1", port = 0): Promise<Nsd> {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-nsd-"));
    const own = port === 0 ? await freePort(address) : port;
    for (const [zone, lines] of Object.entries(zones)) {
      const head = `$ORIGIN ${zone}.\n$TTL 60\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n`;
      writeFileSync(join(folder, `${zone}.zone`), `${head}${lines}\n`);
    }
    writeFileSync(join(folder, "nsd.conf"), configOf(folder, `${address}@${own}`, Object.keys(zones)));
    const environment = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
    const child = spawn("nsd", ["-d", "-c", join(folder, "nsd.conf")], { stdio: "ignore", env: environment });
    const nsd = new Nsd(`${address}:${own}`, folder, child);
    await nsd.#answers({ address, port: own }, Object.keys(zones)[0] ?? "");
    return nsd;
  }

  async #answers(endpoint: { readonly address: string; readonly port: number }, zone: string): Promise<void> {
    const end = Date.now() + startDeadline;
    const { address: host, port } = endpoint;
    while ((await exchange({ type: "A", name: `ns.${zone}` }, [{ host, port }], 500)).kind !== "found") {
      if (Date.now() > end || this.#child.exitCode !== null) {
        const log = readFileSync(join(this.#folder, "log"), "utf8");
        await this.close();
        throw new Error(`nsd does not answer:\n${log}`);
      }
      await delay(20);
    }
  }

  /** Ends it and removes its folder. */
  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configOf(folder: string, place: string, zones: readonly string[]): string {
  const server = [
    `ip-address: ${place}`,
    `zonesdir: "${folder}"`,
    `zonelistfile: "${folder}/zone.list"`,
    'database: ""',
    `pidfile: "${folder}/nsd.pid"`,
    `xfrdfile: "${folder}/xfrd.state"`,
    `logfile: "${folder}/log"`,
    'username: ""',
    "server-count: 1",
  ];
  const served = zones.map((zone) => `zone:\n  name: ${zone}\n  zonefile: ${zone}.zone\n`);
  return `server:\n  ${server.join("\n  ")}\nremote-control:\n  control-enable: no\n${served.join("")}`;
}
