/** The client of a Redis or Valkey, by its address: nothing is kept for later, and every step has an end. Times in ms. */
import type { ConnectionOptions } from "node:tls";

import type { Cluster, ClusterOptions, Redis, RedisOptions } from "ioredis";

import type { RedisAddress } from "./redis-address.ts";

/** What the URL does not say. */
export interface RedisAccess {
  /** In place of the one in the URL. */
  readonly password?: string | undefined;
  readonly sentinelUser?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** PEM; undefined: the system's. */
  readonly ca?: string | undefined;
  /** Name that certificates must have; undefined: the host that is connected to. */
  readonly serverName?: string | undefined;
}

export type RedisClient = Redis | Cluster;

/** Of one command. */
const commandTimeout = 200;
/** Without a byte while commands are open, after which the connection is made again. */
const socketTimeout = 1000;
const connectTimeout = 2000;

const again = (times: number): number => Math.min(times * 200, 5000);

/** Of every connection to a server that keeps rows. */
function commonOptions({ user, password, secure }: RedisAddress, access: RedisAccess) {
  const secret = access.password ?? password;
  return {
    connectionName: "goodmailto",
    ...(user === "" ? {} : { username: user }),
    ...(secret === "" ? {} : { password: secret }),
    connectTimeout,
    commandTimeout,
    socketTimeout,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // A master that became a replica says so: the next connection goes to the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(secure ? { tls: tlsOptions(access) } : {}),
  } satisfies RedisOptions;
}

function tlsOptions({ ca, serverName }: RedisAccess): ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** Connects in the background. Loads the code: a relay without Redis does not hold it. */
export async function createRedisClient(address: RedisAddress, access: RedisAccess): Promise<RedisClient> {
  const { Redis: Client, Cluster: ClusterClient } = await import("ioredis");
  const common = commonOptions(address, access);
  // Nothing is kept for later: the queue would grow while Redis is unavailable.
  const queue = { enableOfflineQueue: false };
  const { kind, hosts, master, database: db, secure } = address;
  switch (kind) {
    case "single":
      return new Client({ ...common, ...queue, ...hosts[0], db, retryStrategy: again });
    case "sentinel":
      return new Client({
        ...common,
        ...queue,
        ...(secure ? { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(access) } : {}),
        sentinels: hosts.map((host) => ({ ...host })),
        name: master,
        db,
        ...(access.sentinelUser === undefined ? {} : { sentinelUsername: access.sentinelUser }),
        ...(access.sentinelPassword === undefined ? {} : { sentinelPassword: access.sentinelPassword }),
        sentinelCommandTimeout: socketTimeout,
        // Without it, the client would give up for ever when no sentinel answers.
        sentinelRetryStrategy: again,
        retryStrategy: again,
      });
    case "cluster":
      return new ClusterClient([...hosts], { ...queue, ...clusterOptions(common) }).on("+node", hearAsking);
  }
}

function clusterOptions(redisOptions: ReturnType<typeof commonOptions>) {
  return {
    redisOptions,
    // Names stay names: certificates are made out to them.
    dnsLookup: (name: string, done: (error: null, address: string) => void) => done(null, name),
    // A cluster that is without one of its masters still keeps the rows of the others.
    enableReadyCheck: false,
    clusterRetryStrategy: again,
    slotsRefreshTimeout: connectTimeout,
    // A slot that has moved is followed; one that is nowhere is not waited for.
    maxRedirections: 4,
    retryDelayOnFailover: 50,
    retryDelayOnClusterDown: 50,
    retryDelayOnTryAgain: 20,
  } satisfies ClusterOptions;
}

/** The cluster's client sends ASKING and leaves its answer to nobody: a refused or late one would end the process. */
function hearAsking(node: Redis): void {
  const asking = node.asking.bind(node);
  Object.assign(node, {
    asking: () => {
      const answer = asking();
      answer.catch(() => {
        // The command behind it fails too, and that is reported.
      });
      return answer;
    },
  });
}
