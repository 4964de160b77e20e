/**
 * The URL of a Redis or Valkey: one server, the sentinels that know the master, or some nodes of a cluster.
 * `redis://user:password@host:6379/0`, `redis+sentinel://user:password@host:26379,host2:26379/mymaster/0`,
 * `redis+cluster://user:password@host:6379,host2:6379`; with `rediss` all of it goes by TLS.
 */
import { parseEndpoint } from "../mail/network.ts";
import type { Endpoint } from "../mail/network.ts";

/** A URL, taken apart. */
export interface RedisAddress {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly secure: boolean;
  /** "" is the user that Redis calls default. */
  readonly user: string;
  readonly password: string;
  /** One server, or at least one sentinel or node. */
  readonly hosts: readonly Endpoint[];
  /** The name that sentinels know the master by; "" elsewhere. */
  readonly master: string;
  readonly database: number;
}

const ports = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;
const kinds: Readonly<Record<string, RedisAddress["kind"]>> = { sentinel: "sentinel", cluster: "cluster" };
const scheme = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(.*)$/i;
/** A database has a number; servers have 16 of them unless they are told otherwise. */
const number = /^\d{1,5}$/;

/** Reads such a URL. @returns the reason where it is none */
export function parseRedis(text: string): RedisAddress | string {
  const [, tls = "", mode = "single", rest] = scheme.exec(text) ?? [];
  if (rest === undefined) {
    return "begins with none of redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster://, rediss+cluster://";
  }
  if (/[?#\s]/.test(rest)) {
    return 'has "?", "#" or a space: options are settings of [state], and in user and password write %3F, %23 or %20';
  }
  const kind = kinds[mode.toLowerCase()] ?? "single";
  const slash = rest.indexOf("/");
  const [authority, path] = slash < 0 ? [rest, ""] : [rest.slice(0, slash), rest.slice(slash + 1)];
  const at = authority.lastIndexOf("@");
  const login = readLogin(authority.slice(0, Math.max(0, at)));
  if (typeof login === "string") {
    return login;
  }
  const hosts = readHosts(kind, authority.slice(at + 1));
  if (typeof hosts === "string") {
    return hosts;
  }
  const place = readPath(kind, path);
  return typeof place === "string" ? place : { kind, secure: tls !== "", hosts, ...login, ...place };
}

/** @param text what stands before the "@" */
function readLogin(text: string): Pick<RedisAddress, "user" | "password"> | string {
  if (text.includes("@")) {
    return 'has more than one "@": write %40 in user and password';
  }
  const colon = text.indexOf(":");
  const [user, password] = colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  try {
    return { user: decodeURIComponent(user), password: decodeURIComponent(password) };
  } catch {
    return 'has a "%" in user or password that begins no %XX: write %25';
  }
}

function readHosts(kind: RedisAddress["kind"], text: string): Endpoint[] | string {
  const places = text.split(",");
  const hosts: Endpoint[] = [];
  for (const place of places) {
    const host = parseEndpoint(place, ports[kind]);
    if (host === undefined || host.port === 0) {
      return place === ""
        ? "lacks a host"
        : 'has something else where a host, host:port or [v6]:port belongs (write "/" in a password as %2F)';
    }
    hosts.push(host);
  }
  return kind === "single" && hosts.length > 1
    ? "has several hosts: write redis+sentinel:// or redis+cluster://, which says what they are"
    : hosts;
}

function readPath(kind: RedisAddress["kind"], path: string): Pick<RedisAddress, "master" | "database"> | string {
  const parts = path === "" ? [] : path.replace(/\/$/, "").split("/");
  const [name, ...rest] = kind === "sentinel" ? parts : ["", ...parts];
  const [database = "0"] = rest;
  if (kind === "sentinel" && (name === undefined || !/^[\w.-]+$/.test(name))) {
    return "lacks the name of the master after the hosts: redis+sentinel://host:26379/mymaster";
  }
  if (rest.length > 1 || !number.test(database)) {
    return 'has something else where the number of a database belongs (write "/" in a password as %2F)';
  }
  if (kind === "cluster" && Number(database) !== 0) {
    return "names a database: a cluster has only 0";
  }
  return { master: name ?? "", database: Number(database) };
}
