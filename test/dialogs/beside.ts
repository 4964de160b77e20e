/** What runs beside the relay of a dialogue, one for each block of these names. The runner's own text describes them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Attribute, Client } from "ldapts";

import { makeHash } from "../../src/auth/backends/scrypt.ts";
import { Program, node } from "../end-to-end/scene.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { Clamd, eicar } from "../fakes/clamd.ts";
import { startDeliverabled } from "../fakes/deliverabled.ts";
import { startDns } from "../fakes/dns.ts";
import type { RecordType } from "../fakes/dns-message.ts";
import { startDoer } from "../fakes/milter.ts";
import { startRspamd } from "../fakes/rspamd.ts";
import { startSlapd } from "../fakes/slapd.ts";
import { gtube, startSpamd } from "../fakes/spamd.ts";
import { main } from "../program.ts";
import { body, filled } from "./blocks.ts";
import type { Block } from "./blocks.ts";
import type { Neighbour, Start } from "./neighbour.ts";
import { services } from "./services.ts";

const kinds: Readonly<Record<string, Start>> = {
  ...services,
  dns: startNames,
  deliverabled: startScript,
  slapd: startDirectory,
  inside: startInside,
  passwords: startPasswords,
  async clamd() {
    const clamd = await Clamd.start();
    return { places: { clamd: clamd.path }, close: () => clamd.close() };
  },
  async spamd() {
    const spamd = await startSpamd();
    return { places: { spamd: spamd.place }, close: () => spamd.close() };
  },
  async rspamd() {
    const rspamd = await startRspamd();
    return { places: { rspamd: rspamd.place }, close: () => rspamd.close() };
  },
  async milter() {
    const doer = await startDoer();
    return { places: { milter: doer.url }, close: () => doer.close() };
  },
};

/** All that a dialogue has beside its relay. */
export class Neighbours {
  readonly #running = new Map<string, Neighbour>();
  readonly #places = new Map<string, string>();

  /** Starts them in the order of their blocks. */
  async start(blocks: readonly Block[]): Promise<void> {
    for (const block of blocks) {
      const neighbour = await kinds[block.name]?.(block, (text) => this.fill(text));
      if (neighbour !== undefined) {
        this.#running.set(block.name, neighbour);
        Object.entries(neighbour.places).forEach(([name, place]) => this.#places.set(name, place));
      }
    }
  }

  /** @param hop the port of the next hop, which is there before them */
  constructor(hop: number) {
    this.#places.set("hop", String(hop));
  }

  /** @throws Error if the dialogue has none of that name */
  named(name: string): Neighbour {
    const neighbour = this.#running.get(name);
    if (neighbour === undefined) {
      throw new Error(`there is no "${name}" beside the relay`);
    }
    return neighbour;
  }

  fill(text: string): string {
    return [...this.#places].reduce((filled, [name, place]) => filled.replaceAll(`{${name}}`, place), text);
  }

  async stop(name: string): Promise<void> {
    const neighbour = this.named(name);
    this.#running.delete(name);
    await neighbour.close();
  }

  async close(): Promise<void> {
    for (const name of [...this.#running.keys()].reverse()) {
      await this.stop(name);
    }
  }
}

/** Text with the test messages in it that no file has: a scanner on this machine would take it away. */
export function withMessages(text: string): string {
  return text
    .replaceAll("{gtube}", gtube)
    .replaceAll("{eicar}", eicar)
    .replaceAll("{eicar64}", Buffer.from(eicar, "latin1").toString("base64"));
}

async function startScript(block: Block): Promise<Neighbour> {
  const lines = filled(block).map((line) => line.split(" "));
  const daemon = await startDeliverabled(
    Object.fromEntries(lines.map(([address = "", code]) => [address, code === "hang" ? code : Number(code)] as const)),
  );
  return { places: { deliverabled: daemon.place }, close: () => daemon.close() };
}

async function startNames(block: Block): Promise<Neighbour> {
  const dns = await startDns();
  for (const line of filled(block)) {
    const [, mute, how] = /^(\S+) (silent|SERVFAIL)$/.exec(line) ?? [];
    if (mute !== undefined) {
      dns.behave(mute, how === "silent" ? { drop: true } : { rcode: "SERVFAIL" });
      continue;
    }
    const [, name = "", type = "", data = ""] = /^(\S+) (A|AAAA|MX|PTR|TXT) (.+)$/.exec(line) ?? [];
    dns.add(name, type as RecordType, data);
  }
  return { places: { dns: dns.server }, close: () => dns.close() };
}

/** `add DN attribute=value …` and `delete DN`. */
async function startDirectory(block: Block): Promise<Neighbour> {
  const slapd = await startSlapd({
    suffix: "o=Kontor",
    schemas: ["core", "cosine", "inetorgperson"],
    ldif: `${body(block).trimEnd()}\n`,
    stats: true,
  });
  const obey = async ([verb, name = "", ...pairs]: readonly string[]): Promise<void> => {
    const client = new Client({ url: slapd.ldap });
    await client.bind(slapd.rootDn, slapd.rootPassword);
    const attributes = pairs.map((pair) => {
      const [type = "", value = ""] = pair.split("=");
      return new Attribute({ type, values: [value] });
    });
    await (verb === "add" ? client.add(name, attributes) : client.del(name));
    await client.unbind();
  };
  return { places: { ldap: slapd.ldap }, log: () => slapd.log(), obey, close: () => slapd.stop() };
}

/** `goodmailto deliverabled` as a process, with a configuration of its own. */
async function startInside(block: Block, fill: (text: string) => string): Promise<Neighbour> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-inside-"));
  const config = join(folder, "goodmailto.toml");
  writeFileSync(config, fill(body(block)));
  const words = block.argument === "" ? [] : block.argument.split(" ");
  const daemon = new Program(node, [main, "deliverabled", "-c", config, "--listen", "127.0.0.1:0", ...words]);
  const [, port] = await daemon.until(/deliverabled: ready .*listen=127\.0\.0\.1:(\d+)/);
  return {
    places: { inside: `127.0.0.1:${port}` },
    log: () => daemon.output,
    close: async () => {
      await daemon.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

async function startPasswords(block: Block): Promise<Neighbour> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-passwords-"));
  const { certificate, key } = await (await createAuthority(folder)).issue("mx", "DNS:mx.kontor.example");
  const passwords = join(folder, "passwords");
  const lines = filled(block).map(async (line) => {
    const [user = "", password = ""] = line.split(" ");
    return `${user}:${await makeHash(password)}\n`;
  });
  writeFileSync(passwords, (await Promise.all(lines)).join(""), { mode: 0o600 });
  return { places: { passwords, certificate, key }, close: () => rmSync(folder, { recursive: true }) };
}
