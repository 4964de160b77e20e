/** One sandbox: a folder, the servers of its process, and the site's configuration as it may run there. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Placed } from "../compose/settings.ts";
import { findPort } from "../demo/find-port.ts";
import { startNextHop } from "../demo/next-hop.ts";
import type { DemoNextHop, HopFaults, ReceivedMessage } from "../demo/next-hop.ts";
import { deriveConfig, fileNames, foreignMade } from "./derive.ts";
import type { Derived } from "./derive.ts";
import { canariesOf, most, peopleOf } from "./people.ts";
import { openStandIn } from "./stand-in.ts";
import type { SourcePlace, StandIn } from "./stand-in.ts";

/** The site, as it is loaded. */
export interface Site {
  readonly placed: Placed;
  /** Its configuration file. */
  readonly file: string;
  /** Its first relay domain. */
  readonly domain: string;
}

/** What is not the same in every sandbox. */
export interface SandboxOptions {
  readonly site: Site;
  readonly folder: string;
  /** Another one, whose list and keys this one takes over. */
  readonly base?: Sandbox | undefined;
  /** The directories show a certificate of another name. */
  readonly wrongName?: boolean;
  /** Other people than usual, and neither hashed nor signed: a list from elsewhere. */
  readonly foreign?: boolean;
}

export class Sandbox {
  readonly folder: string;
  readonly hopFaults: HopFaults = {};
  /** What the next hop took. */
  readonly received: ReceivedMessage[] = [];
  readonly #options: SandboxOptions;
  readonly #sources: StandIn[] = [];
  #hop: DemoNextHop | undefined;
  #metricsPort = 0;
  #derived: Derived | undefined;

  private constructor(options: SandboxOptions) {
    this.#options = options;
    this.folder = options.folder;
  }

  /** Starts its servers and writes its files. @throws Error if it cannot */
  static async open(options: SandboxOptions): Promise<Sandbox> {
    const sandbox = new Sandbox(options);
    await sandbox.#open();
    return sandbox;
  }

  get config(): string {
    return join(this.folder, fileNames.config);
  }
  get snapshot(): string {
    return join(this.folder, fileNames.snapshot);
  }
  get derived(): Derived {
    return this.#derived ?? { text: "", notes: [], afterFailures: 1 };
  }
  get metricsPort(): number {
    return this.#metricsPort;
  }
  /** The first and the last of the first directory, or list: a list that is cut lacks the second. */
  get known(): readonly string[] {
    const { source } = this.#options.site.placed.settings;
    const people = this.#people((source.find(({ type }) => type === "ldap") ?? source[0])?.name ?? foreignMade);
    return [people[0] ?? "", people[most - 1] ?? ""];
  }

  async #open(): Promise<void> {
    const { site, base, wrongName, foreign } = this.#options;
    const { settings } = site.placed;
    mkdirSync(join(this.folder, fileNames.run), { recursive: true, mode: 0o700 });
    const password = randomBytes(16).toString("hex");
    writeFileSync(join(this.folder, fileNames.password), `${password}\n`, { mode: 0o600 });
    this.#hop = await startNextHop({
      received: (message) => this.received.push(message),
      taken: "2.0.0 Taken by the next hop of the sandbox",
      faults: this.hopFaults,
    });
    this.#metricsPort = await findPort(0);
    const sources = new Map<string, SourcePlace>();
    const sourceNames = settings.source.length === 0 ? [foreignMade] : settings.source.map(({ name }) => name);
    for (const name of sourceNames) {
      sources.set(name, await this.#openSource(name, password, wrongName === true));
    }
    const keys = foreign === true ? {} : this.#keys(base);
    const places = { folder: this.folder, metricsPort: this.#metricsPort, hopPort: this.#hop.port, sources, ...keys };
    this.#derived = deriveConfig(site.placed, site.file, places);
    writeFileSync(this.config, this.#derived.text);
    if (base !== undefined) {
      this.takeList(base);
    }
  }

  /** The list of another sandbox, with what the sync remembers of it. */
  takeList(from: Sandbox): void {
    for (const name of readdirSync(from.folder).filter((file) => file.startsWith(fileNames.snapshot))) {
      cpSync(join(from.folder, name), join(this.folder, name));
    }
  }

  /** As before the first sync. */
  forgetList(): void {
    for (const name of readdirSync(this.folder).filter((file) => file.startsWith(fileNames.snapshot))) {
      rmSync(join(this.folder, name));
    }
  }

  async #openSource(name: string, password: string, wrongName: boolean): Promise<SourcePlace> {
    const { source: all } = this.#options.site.placed.settings;
    const source = all.find((one) => one.name === name);
    // A name may be anything that can be printed.
    const path = join(this.folder, `source-${all.findIndex((one) => one === source)}`);
    const opened = await openStandIn({ source, people: this.#people(name), path, password, wrongName });
    this.#sources.push(opened);
    return opened.place;
  }

  #people(source: string): readonly string[] {
    const { site, foreign } = this.#options;
    const { settings } = site.placed;
    const own = settings.source.find(({ name }) => name === source);
    const place = Math.max(
      0,
      settings.source.findIndex(({ name }) => name === source),
    );
    const people = peopleOf(place, domainOf(own?.domains[0] ?? site.domain), canariesOf(settings).get(own?.name ?? ""));
    return foreign === true ? people.map((address) => address.replace(/^drill(?=\d*\.\d)/, "other")) : people;
  }

  /** If the site hashes or signs, the sandbox does so with keys of its own: the site's secrets are not read. */
  #keys(base: Sandbox | undefined): { secret?: string; signingKey?: string; publicKey?: string } {
    const { snapshot } = this.#options.site.placed.settings;
    const folder = base?.folder ?? this.folder;
    const [secret, signingKey, publicKey] = ["list.secret", "list.key", "list.pub"].map((name) => join(folder, name));
    const isHashed = snapshot.key_file !== "";
    const isVerified = snapshot.public_key_file !== "";
    const isSigned = isVerified || snapshot.signing_key_file !== "";
    if (base === undefined) {
      const { privateKey, publicKey: shown } = generateKeyPairSync("ed25519");
      writeFileSync(secret ?? "", `${randomBytes(32).toString("hex")}\n`, { mode: 0o600 });
      writeFileSync(signingKey ?? "", privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
      writeFileSync(publicKey ?? "", shown.export({ type: "spki", format: "pem" }));
    }
    return {
      ...(isHashed && secret !== undefined ? { secret } : {}),
      ...(isSigned && signingKey !== undefined ? { signingKey } : {}),
      ...(isVerified && publicKey !== undefined ? { publicKey } : {}),
    };
  }

  /** Nobody listens there any more, and files are gone. */
  async stopSources(): Promise<void> {
    await Promise.all(this.#sources.splice(0).map((source) => source.stop()));
  }

  /** Sources have only these people. @param isKept asked with the place of each, from 0 */
  keepPeople(isKept: (place: number) => boolean): void {
    this.#sources.forEach((source) => source.keep(isKept));
  }

  /** Sources break off in the middle. */
  cutSources(): void {
    this.#sources.forEach((source) => source.cut());
  }

  async stopHop(): Promise<void> {
    await this.#hop?.close();
    this.#hop = undefined;
  }

  async close(): Promise<void> {
    await Promise.all([this.stopSources(), this.stopHop()]);
  }
}

/** `.kontor.example` stands for each of its subdomains. */
export function domainOf(name: string): string {
  return name.startsWith(".") ? `drill${name}` : name;
}
