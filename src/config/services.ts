/** `[control]`, `[dns]` and `[state]`: what all checks and routes share. */
import { isAbsolute } from "node:path";

import * as z from "zod";

import { parseServer } from "../mail/name-server.ts";
import { parseEndpoint } from "../mail/network.ts";
import * as field from "./fields.ts";
import * as text from "./texts.ts";

const serverRule: field.TextRule = {
  allowed: '"address", "address:port" or "[v6]:port"',
  fits: (text) => parseServer(text) !== undefined,
};

/** The section `[dns]`. */
export const dns = z.strictObject({
  servers: field.listBy(
    serverRule,
    [],
    'Name servers, "192.0.2.53" or "192.0.2.53:5353"; the first one that answers is used. Empty: those of /etc/resolv.conf.',
  ),
  timeout: field.duration("5s", "Timeout for one query, including retries at the other servers.", ["10ms", "1m"]),
  cache_size: field.integer(10_000, 0, 1_000_000, "Maximum number of cached answers, each kept for its TTL."),
});

const listUrlRule: field.TextRule = {
  allowed: '"https://host/path/" or "http://host/path/", to which the name of a list is added',
  fits: (text) => {
    const url = URL.parse(text);
    return (
      url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" && url.hash === ""
    );
  },
};

/** Where list files are. */
export const control = z.strictObject({
  folders: field.list(
    ["/etc/goodmailto/control", "/var/qmail/control"],
    "Folders in which checks look for list files that are named without a folder; for each file, the first folder that has it is used. The folder of this configuration file comes first.",
    { isPlace: true },
  ),
  urls: field.listBy(
    listUrlRule,
    [],
    "Web servers that have list files which are in none of folders: each URL followed by the name of a list; the first that has it with at least one entry is used. They are asked by a timer and never while a client waits. If a server does not answer, or has a list no more, the previous list stays in use; a list without entries replaces it.",
  ),
  cache: field.text(
    "",
    "Folder in which the lists of urls are kept, so that they are there after a restart while a server is away. The relay must be able to write to it. Required with urls.",
    { isPlace: true },
  ),
  http_ttl: field.duration("60s", "How often to ask urls for changes.", ["100ms", "1d"]),
  timeout: field.duration("5s", "Timeout for one request to a server of urls.", ["10ms", "10m"]),
  ca_file: field.file(
    "",
    "relay",
    "File with the CA certificates (PEM) that may issue the certificates of urls. Empty: those of the system.",
  ),
});

const listenRule: field.TextRule = { allowed: '"host:port"', fits: (text) => parseEndpoint(text) !== undefined };

/** `goodmailto deliverabled`. */
export const deliverabled = z.strictObject({
  listen: field.restart(
    field.textBy(listenRule, "127.0.0.1:8998", "Where to answer, by plain HTTP. --listen overrides it."),
  ),
  allow: field.listBy(
    text.networkRule,
    ["127.0.0.0/8", "::1"],
    "Clients that may send requests. Each of them can test addresses against the directory.",
  ),
  live: field.list(
    [],
    "Names of [[source]] sections of type ldap that are asked live, at each question. --live overrides it. Addresses of other sources, and all if there is none, come from the snapshot.",
  ),
});

const folderRule: field.TextRule = {
  allowed: '"", or an absolute path',
  fits: (text) => text === "" || isAbsolute(text),
};

/** What is remembered between sessions, and shared by workers. */
export const state = z.strictObject({
  store: field.stateStore(
    "auto",
    'Where counts of connections, login failures and unknown recipients are kept. "memory": in each process. "sqlite": in a file in `folder`, shared by all workers; without a folder the relay does not start. "redis://user:password@host:6379/0": in a Redis or Valkey, shared by a fleet; "redis+sentinel://host:26379,host2:26379/mymaster/0": in the master that sentinels name; "redis+cluster://host:6379,host2:6379": in a cluster; each with "rediss" in place of "redis" by TLS. "auto": sqlite if there is a folder and [smtp] workers is above 1, otherwise memory, in which each worker counts alone.',
  ),
  password_file: field.secretFile(
    "File whose first line is the password of the Redis user, in place of a password in `store`. The user is the one in `store`, or Redis's default user.",
  ),
  ca_file: field.ownFile(
    "relay",
    "File with the CA certificates (PEM) for rediss://, of servers and sentinels. Empty: those of the system.",
  ),
  server_name: field.textBy(
    text.hostNameRule,
    "",
    "Name that the certificates of rediss:// must have. Empty: the name or address that is connected to.",
  ),
  sentinel_user: field.text("", "User at the sentinels. Empty: their default user."),
  sentinel_password_file: field.secretFile(
    "File whose first line is the password at the sentinels. Empty: they ask for none; the password of `store` is for the servers.",
  ),
  folder: field.textBy(
    folderRule,
    "",
    "Folder for state.sqlite, which only the relay writes to. Empty: the folder that systemd makes (StateDirectory).",
  ),
});
