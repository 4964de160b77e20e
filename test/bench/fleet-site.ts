/** The site of the fleet's bench: a directory, a Redis, a store, three relays that pull, and a sync inside. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Attribute, Client } from "ldapts";

import setupBundle from "../bundle/setup.ts";
import { node, Scene, until } from "../end-to-end/scene.ts";
import type { Ended, Program } from "../end-to-end/scene.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { freePort } from "../fakes/free-port.ts";
import { RedisServer } from "../fakes/redis.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { bundleVariable, source } from "../program.ts";
import { startStore, storeLogin } from "./fleet-store.ts";
import type { Store } from "./fleet-store.ts";

const suffix = "o=Kontor";
/** For a program to start or to end, in ms: the machine may be busy. */
const patience = 120_000;
export const size = 3;
/** The limit that all relays have. */
export const clientLimit = 100;
/** `[sync] delta`, in s. */
export const delta = 60;
/** Between two questions of a relay to the store, in s; and the most that is added by chance. */
export const [pullEvery, pullJitter] = [15, 5];

/** One relay. */
export interface Member {
  readonly name: string;
  readonly folder: string;
  readonly config: string;
  readonly port: number;
  readonly metricsPort: number;
  /** Code of the reply to a recipient, of a client that is new each time. */
  ask(user: string): Promise<string>;
  /** A gauge of its metrics page; NaN: it is not there. */
  gauge(name: string): Promise<number>;
  stop(): Promise<unknown>;
}

/** How a list comes to the relays. */
export type Way = "push" | "pull";

/** The bundle, as installed; `GOODMAILTO_TEST_SOURCE=1`: the source. */
function startGoodmailto(scene: Scene, ...words: string[]): Program {
  return scene.run(node, [process.env[bundleVariable] ?? source, ...words]);
}

/** All of it. */
export class Fleet {
  readonly scene: Scene;
  readonly slapd: Slapd;
  readonly redis: RedisServer;
  readonly store: Store;
  readonly members: readonly Member[];
  readonly #client: Client;
  #sync: Program | undefined;
  #pulls: readonly Program[] = [];
  /** When the clock of incremental syncs began. */
  #clock = 0;

  private constructor(parts: Pick<Fleet, "scene" | "slapd" | "redis" | "store" | "members">, client: Client) {
    ({ scene: this.scene, slapd: this.slapd, redis: this.redis, store: this.store, members: this.members } = parts);
    this.#client = client;
  }

  /** Starts all but sync and pulls. @param people in the directory @param sink port of the next hop */
  static async start(people: number, sink: number): Promise<Fleet> {
    await setupBundle();
    const scene = new Scene();
    const authority = await createAuthority(scene.folder);
    const [slapd, redis, store] = await Promise.all([
      startDirectory(people),
      RedisServer.start(),
      startStore(authority),
    ]);
    try {
      chmodSync(scene.write("store-secret", `${storeLogin.secretKey}\n`), 0o600);
      await startGoodmailto(scene, "keygen", join(scene.folder, "sign")).ended(patience);
      const plans = Array.from({ length: size }, (_, i) => `mx${i + 1}`);
      const members = await Promise.all(plans.map((name) => startMember(scene, name, { redis, store, sink })));
      const client = new Client({ url: slapd.ldap });
      await client.bind(slapd.rootDn, slapd.rootPassword);
      return new Fleet({ scene, slapd, redis, store, members }, client);
    } catch (error) {
      await Promise.all([scene.close(), redis.close(), store.stop(), slapd.stop()]);
      throw error;
    }
  }

  /** Starts the sync and has it read and push once; with "pull" the relays' pulls too. */
  async distribute(way: Way): Promise<void> {
    this.#sync = startGoodmailto(this.scene, "sync", "--cron", "--config", this.#writeSync(way));
    await this.#sync.until(/sync: checking for changes/, patience);
    this.#clock = performance.now();
    await until(
      () => this.syncNow(),
      (code) => code === 0,
      patience,
    );
    if (way === "pull") {
      this.#pulls = this.members.map((member) =>
        startGoodmailto(this.scene, "pull", "--cron", "--config", member.config),
      );
    }
  }

  /** Runs `goodmailto` to its end. */
  call(...words: string[]): Promise<Ended> {
    return startGoodmailto(this.scene, ...words).ended(patience);
  }

  /** Waits until the sync has just asked for changes: who joins then waits the longest. */
  async afterTick(): Promise<void> {
    const passed = (performance.now() - this.#clock) % (delta * 1000);
    // On a busy machine it asks a moment later than it should.
    await sleep(delta * 1000 - passed + 3000);
  }

  /** Ends it. */
  async stopDistribution(): Promise<void> {
    await Promise.all(
      [...(this.#sync === undefined ? [] : [this.#sync]), ...this.#pulls].map((program) => program.stop()),
    );
    this.#pulls = [];
  }

  /** One sync at once. @returns its exit code */
  async syncNow(): Promise<number> {
    return (await this.call("sync", "--now", "--config", join(this.scene.folder, "sync.toml"))).code;
  }

  /** Exit code and text of a member's `goodmailto status`. */
  async status(member: Member): Promise<{ readonly code: number; readonly text: string }> {
    const { code, stdout } = await this.call("status", "--config", member.config);
    return { code, text: stdout };
  }

  async join(user: string): Promise<void> {
    const facts = { objectClass: "inetOrgPerson", uid: user, cn: user, sn: user, mail: `${user}@kontor.example` };
    const attributes = Object.entries(facts).map(([type, value]) => new Attribute({ type, values: [value] }));
    await this.#client.add(`uid=${user},${suffix}`, attributes);
  }

  async leave(user: string): Promise<void> {
    await this.#client.del(`uid=${user},${suffix}`);
  }

  /** Seconds until all relays answer so. @throws Error if they do not in time */
  async served(user: string, code: string, since: number, patience: number): Promise<number> {
    await Promise.all(
      this.members.map((member) =>
        until(
          () => member.ask(user),
          (answer) => answer === code,
          patience * 1000,
        ),
      ),
    );
    return (performance.now() - since) / 1000;
  }

  async close(): Promise<void> {
    await this.#client.unbind().catch(() => undefined);
    await this.scene.close();
    await Promise.all([this.redis.close(), this.store.stop(), this.slapd.stop()]);
  }

  #writeSync(way: Way): string {
    const { endpoint, ca } = this.store;
    const targets =
      way === "push"
        ? this.members.map(({ name, folder }) => `[[publish]]\nname = "${name}"\nto = "${folder}/snapshot.sqlite"\n`)
        : [
            `[[publish]]\nname = "store"\nto = "s3://lists/snapshot.sqlite"\nendpoint = "${endpoint}"\nuser = "${storeLogin.accessKey}"\npassword_file = "store-secret"\nca_file = "${ca}"\n`,
          ];
    return this.scene.write(
      "sync.toml",
      `[domains]
relay = ["kontor.example"]
[snapshot]
path = "${this.scene.folder}/inside.sqlite"
signing_key_file = "sign"
[sync]
schedule = "0 3 * * *"
jitter = "0s"
delta = "${delta}s"
[[source]]
name = "directory"
type = "ldap"
preset = "openldap"
url = ["${this.slapd.ldap}"]
base = "${suffix}"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:25"
${targets.join("")}`,
    );
  }
}

interface Around {
  readonly redis: RedisServer;
  readonly store: Store;
  readonly sink: number;
}

async function startMember(scene: Scene, name: string, { redis, store, sink }: Around): Promise<Member> {
  const folder = join(scene.folder, name);
  mkdirSync(folder);
  const [port, metricsPort] = [await freePort(), await freePort()];
  const config = join(folder, "goodmailto.toml");
  writeFileSync(
    config,
    `[smtp]
listen = ["127.0.0.1:${port}"]
hostname = "${name}.kontor.example"
greeting_delay = "0ms"
max_connections_per_client = 1000
[domains]
relay = ["kontor.example"]
[snapshot]
path = "${folder}/snapshot.sqlite"
public_key_file = "${scene.folder}/sign.pub"
pull = "s3://lists/snapshot.sqlite"
[pull]
schedule = "*/${pullEvery} * * * * *"
jitter = "${pullJitter}s"
endpoint = "${store.endpoint}"
user = "${storeLogin.accessKey}"
password_file = "${scene.folder}/store-secret"
ca_file = "${store.ca}"
[state]
store = "${redis.url}"
[limits]
connection_rate = "100000/60s"
harvest_client_limit = ${clientLimit}
harvest_delay_after = 0
[metrics]
listen = "127.0.0.1:${metricsPort}"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${sink}"
`,
  );
  const program = startGoodmailto(scene, "serve", "--config", config);
  await program.until(/relay: ready/, patience);
  let asked = 0;
  return {
    ...{ name, folder, config, port, metricsPort },
    stop: () => program.stop(),
    async ask(user) {
      asked++;
      const client = await SmtpClient.open(port, `127.3.${asked >> 8}.${asked & 255}`);
      try {
        await client.reply();
        await client.command("EHLO client.example");
        await client.command("MAIL FROM:<someone@sender.example>");
        return ((await client.command(`RCPT TO:<${user}@kontor.example>`)) ?? "closed").slice(0, 3);
      } finally {
        client.close();
      }
    },
    async gauge(gauge) {
      const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      return Number(new RegExp(`^goodmailto_${gauge}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(page)?.[1] ?? Number.NaN);
    },
  };
}

function startDirectory(people: number): Promise<Slapd> {
  const classes = ["top", "person", "organizationalPerson", "inetOrgPerson"].map((name) => `objectClass: ${name}\n`);
  const person = (i: number): string =>
    `dn: uid=user${i},${suffix}\n${classes.join("")}cn: User ${i}\nsn: User\nuid: user${i}\nmail: user${i}@kontor.example\n`;
  return startSlapd({
    suffix,
    schemas: ["core", "cosine", "inetorgperson"],
    ldif: `dn: ${suffix}\nobjectClass: organization\no: Kontor\n\n${Array.from({ length: people }, (_, i) => person(i)).join("\n")}`,
    database: ["sizelimit unlimited"],
  });
}
