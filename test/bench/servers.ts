/** The servers of the bench: ours, Postfix, a plain smtp-server, canned replies; all over the same addresses. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { missing } from "../fakes/need.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { node, project } from "../end-to-end/scene.ts";
import { freePort } from "../fakes/free-port.ts";

/** A server that runs. */
export interface Server {
  readonly name: string;
  readonly port: number;
  /** Where messages are to be sent, if that is another port. */
  readonly deliverPort: number;
  /** Its processes, by their topmost one. */
  readonly pid: number;
  /** Takes messages, but hands them to nobody. */
  readonly keepsMail?: boolean;
  /** Its code for an unknown recipient; not given: 550. */
  readonly unknownCode?: number;
  /** Between two runs. */
  tidy(): void;
  stop(): Promise<void>;
}

/** What the servers share. */
export interface Site {
  readonly folder: string;
  /** One address a line. */
  readonly valid: string;
  readonly snapshot: string;
  readonly sinkPort: number;
}

/** Which goodmailto. */
export interface OursOptions {
  readonly name: string;
  readonly workers?: number;
  readonly greetingDelay?: string;
  /** More words for Node: `--import`, `--cpu-prof`. */
  readonly nodeWords?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** More keys of `[smtp]`. */
  readonly smtp?: string;
  /** More sections. */
  readonly more?: string;
  readonly snapshot?: string;
  /** The relay domain. */
  readonly domain?: string;
  /** Another checkout of goodmailto, with its node_modules; not given: this one. */
  readonly checkout?: string;
}

/** A process's end, waited for; by force after ten seconds. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(timer);
}

/** Every check, every promise and the log on; the limits that a load generator would hit are at their maxima. */
export function configOf(
  site: Site,
  port: number,
  { workers = 1, greetingDelay = "0ms", smtp = "", more = "", snapshot, domain = "example.com" }: OursOptions,
) {
  const schema = readFileSync(join(project, "src/config/limits.ts"), "utf8");
  const harvest = ["harvest_delay_after", "harvest_hangup_after", "harvest_client_limit"];
  return `
[smtp]
listen = ["127.0.0.1:${port}"]
hostname = "mx.example.com"
workers = ${workers}
greeting_delay = "${greetingDelay}"
max_connections = 20000
max_connections_per_client = 20000
shutdown_timeout = "1s"
${smtp}
[domains]
relay = ["${domain}"]
[snapshot]
path = "${snapshot ?? site.snapshot}"
[limits]
session_errors = 10000
session_junk = 10000
session_commands = 1000000
${harvest
  .filter((key) => schema.includes(key))
  .map((key) => `${key} = 0\n`)
  .join("")}
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${site.sinkPort}"
${more}
`;
}

/** Starts `goodmailto serve` with its log in a file. */
export async function startOurs(site: Site, options: OursOptions): Promise<Server> {
  const port = await freePort();
  const base = join(site.folder, options.name.replaceAll(/\W+/g, "-"));
  writeFileSync(`${base}.toml`, configOf(site, port, options));
  // Another one of this name may have written there before.
  writeFileSync(`${base}.log`, "");
  const log = openSync(`${base}.log`, "a");
  const checkout = options.checkout ?? project;
  // As its own node.sh starts a relay.
  const [, own] = /^ *serve\) set -- (\S+)/m.exec(readFileSync(join(checkout, "src/node.sh"), "utf8")) ?? [];
  const words = [
    ...(own === undefined ? [] : [own]),
    ...(options.nodeWords ?? []),
    join(checkout, "src/main.ts"),
    "serve",
    "--config",
    `${base}.toml`,
  ];
  const child = spawn(node, words, {
    cwd: site.folder,
    env: { ...process.env, ...options.environment },
    stdio: ["ignore", log, log],
    // In a session of its own, as Postfix's master is: where Linux shares the processor out by sessions, all are alike.
    detached: true,
  });
  const ready = (options.workers ?? 1) > 1 ? "relay: workers ready" : "relay: ready";
  const deadline = Date.now() + 120_000;
  for (let said = ""; !said.includes(ready); said = readFileSync(`${base}.log`, "utf8")) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`goodmailto does not start: ${said}`);
    }
    await sleep(50);
  }
  const tidy = (): void => truncateSync(`${base}.log`);
  return { name: options.name, port, deliverPort: port, pid: child.pid ?? 0, tidy, stop: () => end(child) };
}

/** Starts a program of this folder that prints its port. */
export async function startScript(name: string, file: string, ...words: string[]): Promise<Server> {
  const child = spawn(node, [join(import.meta.dirname, file), ...words], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const [line] = (await once(child.stdout, "data", { signal: AbortSignal.timeout(30_000) })) as [Buffer];
  const port = Number(line.toString());
  const server = { name, port, deliverPort: port, pid: child.pid ?? 0, keepsMail: true };
  return { ...server, tidy: () => undefined, stop: () => end(child) };
}

/** Postfix that refuses by an lmdb table, and hands on by a before-queue proxy: as we do, it answers after the hop. */
export async function startPostfixServer(site: Site): Promise<Server | undefined> {
  const listeners = { proxy: `-o smtpd_proxy_filter=127.0.0.1:${site.sinkPort} -o smtpd_authorized_xforward_hosts=` };
  return startPostfixWith(site, "Postfix, lmdb", {}, listeners);
}

/**
 * Postfix that puts messages into its queue, and discards them there: a before-queue proxy shows no milter their content.
 * @param milters `inet:127.0.0.1:port`, or nothing
 */
export async function startQueuingPostfix(site: Site, name: string, milters: string): Promise<Server | undefined> {
  const main = { smtpd_milters: milters, milter_default_action: "tempfail", default_transport: "discard:" };
  return startPostfixWith(site, name, { ...main, relay_transport: "discard:" }, {});
}

/**
 * One Postfix that refuses by its lmdb table at one port, and by other ways at others.
 * @param ways options of listeners by name
 * @param maps that its proxymap may open
 */
export async function startAskingPostfix(
  site: Site,
  ways: Readonly<Record<string, string>>,
  maps: string,
): Promise<readonly Server[]> {
  const postfix = await openPostfix(site, { proxy_read_maps: maps }, ways);
  const all = postfix === undefined ? [] : [["Postfix, lmdb", postfix.port] as const, ...Object.entries(postfix.ports)];
  return all
    .filter(([name]) => name !== "")
    .map(([name, port]) => ({
      ...{ name, port, deliverPort: port, pid: postfix?.pid ?? 0, tidy: () => undefined },
      stop: async () => postfix?.stop(),
    }));
}

async function startPostfixWith(
  site: Site,
  name: string,
  main: Readonly<Record<string, string>>,
  listeners: Readonly<Record<string, string>>,
): Promise<Server | undefined> {
  const postfix = await openPostfix(site, main, listeners);
  return (
    postfix && {
      name,
      port: postfix.port,
      deliverPort: postfix.ports["proxy"] ?? postfix.port,
      pid: postfix.pid,
      tidy: () => undefined,
      stop: () => postfix.stop(),
    }
  );
}

async function openPostfix(
  site: Site,
  main: Readonly<Record<string, string>>,
  listeners: Readonly<Record<string, string>>,
): Promise<Postfix | undefined> {
  if (missing("postfix") || !isRoot()) {
    return undefined;
  }
  const addresses = readFileSync(site.valid, "utf8").trimEnd().split("\n");
  return startPostfix({
    logFile: false,
    files: { recipients: addresses.map((address) => `${address} ok\n`).join("") },
    tables: ["lmdb:recipients"],
    listeners,
    main: {
      mynetworks: "",
      relay_domains: "example.com",
      relay_recipient_maps: "lmdb:{folder}/recipients",
      smtpd_relay_restrictions: "reject_unauth_destination",
      default_process_limit: "1100",
      smtpd_error_sleep_time: "0",
      smtpd_soft_error_limit: "1000000",
      smtpd_hard_error_limit: "1000000",
      smtpd_junk_command_limit: "1000000",
      // A transaction that RSET ends leaves its token with the queue manager: soon each one waits a second.
      in_flow_delay: "0",
      lmdb_map_size: "1073741824",
      ...main,
    },
  });
}
