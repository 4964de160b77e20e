/** Real servers of Redis that stand together, by TLS and with users: a cluster, and a master with sentinels. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Redis } from "ioredis";

import { createAuthority } from "./certificates.ts";
import { freePort } from "./free-port.ts";
import { RedisServer } from "./redis.ts";

/** What docs/limits.md grants. */
const rights =
  "~goodmailto:* +get +set +del +incrby +pttl +pexpire +zadd +zcard +zrem +zrange +zpopmin +zremrangebyscore +time +eval +evalsha +info +cluster|slots +asking";
const patience = 20_000;

/** Who may do what, at all servers of a fleet. */
export const relayUser = { name: "relay", password: "s%cret/@1" } as const;
export const admin = "admin-secret";

/** Certificates and words that all servers of one fleet have alike. */
export interface Ground {
  readonly folder: string;
  readonly ca: string;
  readonly words: readonly string[];
  /** As the owner of a server. */
  ask<T>(server: RedisServer, question: (client: Redis) => Promise<T>): Promise<T>;
  remove(): void;
}

/** Makes the certificates. The name in them is `redis.test`, which no address resolves to. */
export async function createGround(): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-redis-fleet-"));
  const authority = await createAuthority(folder);
  const { certificate, key } = await authority.issue("redis", "DNS:redis.test,IP:127.0.0.1");
  const tls = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority.ca];
  const user = `${relayUser.name} on >${relayUser.password} ${rights}`;
  return {
    folder,
    ca: authority.ca,
    words: [
      ...tls,
      ...["--tls-auth-clients", "no", "--tls-replication", "yes", "--tls-cluster", "yes"],
      ...[
        "--requirepass",
        admin,
        "--masterauth",
        admin,
        "--user",
        ...user.split(" "),
        "--repl-diskless-sync-delay",
        "0",
      ],
    ],
    async ask(server, question) {
      const ca = readFileSync(authority.ca);
      const client = new Redis({ host: "127.0.0.1", port: server.port, password: admin, tls: { ca } });
      try {
        await once(client, "ready");
        return await question(client);
      } finally {
        client.disconnect();
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Asks until it is so. @throws Error after 20 s */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + patience; !(await isSo()); await delay(20)) {
    if (Date.now() > end) {
      throw new Error(`Not so after ${patience} ms: ${what}`);
    }
  }
}

/** Three masters, and a replica of the one that has a certain key. */
export interface RedisCluster {
  readonly masters: readonly RedisServer[];
  readonly replica: RedisServer;
  /** The master with the key. */
  readonly owner: RedisServer;
  /** The name of a table of the state that a master has. */
  tableOf(master: RedisServer): Promise<string>;
  close(): Promise<void>;
}

/** @param key whose master gets the replica */
export async function startRedisCluster(ground: Ground, key: string): Promise<RedisCluster> {
  const buses = await Promise.all([0, 1, 2, 3].map(() => freePort()));
  const servers = await Promise.all(
    buses.map((bus) => {
      const words = ["--cluster-enabled", "yes", "--cluster-node-timeout", "600", "--cluster-port", String(bus)];
      words.push("--cluster-require-full-coverage", "no");
      return RedisServer.start([...ground.words, ...words], { ca: ground.ca });
    }),
  );
  const [first, second, third, replica] = servers as [RedisServer, RedisServer, RedisServer, RedisServer];
  const masters = [first, second, third];
  const ranges = [
    [0, 5460],
    [5461, 10_922],
    [10_923, 16_383],
  ] as const;
  await Promise.all(
    masters.map((server, i) =>
      ground.ask(server, (client) => client.call("CLUSTER", "ADDSLOTSRANGE", ...(ranges[i] ?? []))),
    ),
  );
  await ground.ask(first, (client) =>
    Promise.all(
      servers.slice(1).map(({ port }, i) => client.call("CLUSTER", "MEET", "127.0.0.1", port, buses[i + 1] ?? 0)),
    ),
  );
  const ownerOf = async (name: string): Promise<RedisServer> => {
    const slot = Number(await ground.ask(first, (client) => client.call("CLUSTER", "KEYSLOT", name)));
    return masters[ranges.findIndex(([from, to]) => slot >= from && slot <= to)] ?? first;
  };
  const owner = await ownerOf(key);
  const knows = (server: RedisServer, words: RegExp): Promise<boolean> =>
    ground.ask(server, async (client) => words.test(String(await client.call("CLUSTER", "INFO"))));
  for (const server of servers) {
    await until("each node knows all", () => knows(server, /cluster_state:ok[^]*cluster_known_nodes:4/));
  }
  const id = await ground.ask(owner, (client) => client.call("CLUSTER", "MYID"));
  await ground.ask(replica, (client) => client.call("CLUSTER", "REPLICATE", String(id)));
  await until("the replica follows", () => follows(ground, replica));
  const tableOf = async (master: RedisServer): Promise<string> => {
    let i = 0;
    while ((await ownerOf(`table${i}`)) !== master) {
      i++;
    }
    return `table${i}`;
  };
  return {
    masters,
    replica,
    owner,
    tableOf,
    close: async () => void (await Promise.all(servers.map((one) => one.close()))),
  };
}

function follows(ground: Ground, replica: RedisServer): Promise<boolean> {
  return ground.ask(replica, async (client) => /master_link_status:up/.test(await client.info("replication")));
}

/** A master, its replica, and one sentinel that asks for a user. */
export interface RedisSentinel {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinel: RedisServer;
  close(): Promise<void>;
}

export async function startRedisSentinel(ground: Ground): Promise<RedisSentinel> {
  const way = { ca: ground.ca };
  const master = await RedisServer.start(ground.words, way);
  const replica = await RedisServer.start([...ground.words, "--replicaof", "127.0.0.1", String(master.port)], way);
  await until("the replica follows", () => follows(ground, replica));
  const tls = ground.words.slice(0, ground.words.indexOf("--requirepass"));
  const file = `sentinel monitor mymaster 127.0.0.1 ${master.port} 1
sentinel auth-pass mymaster ${admin}
sentinel down-after-milliseconds mymaster 300
sentinel failover-timeout mymaster 2000
user default off
user watcher on >watch-secret +sentinel|get-master-addr-by-name +sentinel|sentinels +client|setname +hello +ping +auth
`;
  const sentinel = await RedisServer.start(
    tls.filter((word, i) => !isOfCluster(tls, word, i)),
    { ...way, sentinel: file },
  );
  const servers = [master, replica, sentinel];
  return { master, replica, sentinel, close: async () => void (await Promise.all(servers.map((one) => one.close()))) };
}

/** `--tls-cluster yes` is nothing that a sentinel knows. */
function isOfCluster(words: readonly string[], word: string, i: number): boolean {
  return word === "--tls-cluster" || words[i - 1] === "--tls-cluster";
}
