/** A real Postfix of its own in a temporary folder: configuration, queue, log and port are nobody else's. Needs root. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { skipped } from "./need.ts";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);
/** Debian keeps Postfix where the PATH of a user does not lead. */
const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/local/sbin` };

/** What the instance is to be. */
export interface PostfixOptions {
  /** Parameters of main.cf beside the usual ones; `{folder}` is the instance's folder. */
  readonly main?: Readonly<Record<string, string>>;
  /** More SMTP listeners: name → options of master.cf (`-o name=value …`); their ports are in `ports`. */
  readonly listeners?: Readonly<Record<string, string>>;
  /** Files to write into the folder first. */
  readonly files?: Readonly<Record<string, string>>;
  /** Tables to make of such files, as `lmdb:recipients`. */
  readonly tables?: readonly string[];
  /** False: to syslog, as a mail server does, instead of a file of its own. */
  readonly logFile?: boolean;
}

/** One message in the queue. */
export interface Queued {
  readonly queue_id: string;
  readonly queue_name: string;
  readonly sender: string;
  readonly recipients: readonly { readonly address: string; readonly delay_reason?: string }[];
}

export interface Postfix {
  /** Of the first listener. */
  readonly port: number;
  /** Of the others, by name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly folder: string;
  /** Process id of the master; everything else is below it. */
  readonly pid: number;
  log(): string;
  queue(): Promise<readonly Queued[]>;
  /** Tries everything in the queue now. */
  flush(): Promise<void>;
  /** Other values for main.cf from now on. */
  change(main: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

/** Whether we are root, as Postfix must be. Where not, the reason of the skip is noted. */
export function isRoot(): boolean {
  return process.getuid?.() === 0 || !skipped("not root");
}

/**
 * Starts one and waits until it answers.
 * @throws Error with Postfix's own words if it does not start
 */
export async function startPostfix(options: PostfixOptions = {}): Promise<Postfix> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Somebody else may have taken one of the ports in between.
      if (tries === 3) {
        throw error;
      }
    }
  }
}

async function startOnce(options: PostfixOptions): Promise<Postfix> {
  const folder = await mkdtemp(join(tmpdir(), "gmto-postfix-"));
  // Its processes are not root.
  await chmod(folder, 0o755);
  const config = join(folder, "etc");
  const postfix = (...words: string[]): Promise<{ stdout: string }> =>
    run("postfix", ["-c", config, ...words], { env, timeout: 30_000 });
  try {
    await Promise.all(["etc", "queue", "data"].map((name) => mkdir(join(folder, name))));
    await run("chown", ["postfix", join(folder, "data")]);
    for (const [name, text] of Object.entries(options.files ?? {})) {
      writeFileSync(join(folder, name), text);
    }
    const names = ["", ...Object.keys(options.listeners ?? {})];
    const ports = new Map<string, number>();
    for (const name of names) {
      ports.set(name, await freePort());
    }
    writeFileSync(join(config, "main.cf"), mainOf(folder, options));
    writeFileSync(join(config, "master.cf"), masterOf(ports, options.listeners ?? {}));
    for (const table of options.tables ?? []) {
      const [type = "", name = ""] = table.split(":");
      await run("postmap", ["-c", config, `${type}:${join(folder, name)}`], { env, timeout: 120_000 });
    }
    const port = ports.get("") ?? 0;
    const log = (): string => readFileSync(join(folder, "mail.log"), "utf8");
    await postfix("start").catch((error: unknown) => {
      throw new Error(`Postfix does not start: ${existsSync(join(folder, "mail.log")) ? log() : "no log"}`, {
        cause: error,
      });
    });
    await Promise.all([...ports.values()].map((each) => answering(each, log)));
    return {
      port,
      ports: Object.fromEntries(ports),
      folder,
      pid: Number(readFileSync(join(folder, "queue/pid/master.pid"), "utf8")),
      log,
      queue: async () => {
        const { stdout } = await run("postqueue", ["-c", config, "-j"], { env, timeout: 30_000, maxBuffer: 1e8 });
        const lines = stdout.split("\n").filter((line) => line !== "");
        return lines.map((line) => JSON.parse(line) as Queued);
      },
      flush: async () => void (await run("postqueue", ["-c", config, "-f"], { env, timeout: 30_000 })),
      change: async (main) => {
        const words = Object.entries(main).map(([name, value]) => `${name}=${value}`);
        await run("postconf", ["-c", config, ...words], { env, timeout: 30_000 });
        await postfix("reload");
      },
      stop: async () => {
        // Waits until every process of it has ended.
        await postfix("stop").catch(() => postfix("abort"));
        await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
      },
    };
  } catch (error) {
    await postfix("abort").catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function mainOf(folder: string, { main = {}, logFile = true }: PostfixOptions): string {
  const parameters: Readonly<Record<string, string>> = {
    compatibility_level: "3.6",
    queue_directory: "{folder}/queue",
    data_directory: "{folder}/data",
    ...(logFile ? { maillog_file: "{folder}/mail.log", maillog_file_prefixes: "{folder}" } : {}),
    myhostname: "postfix.example",
    mydestination: "",
    mynetworks: "127.0.0.0/8",
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    alias_maps: "",
    alias_database: "",
    biff: "no",
    // Names are not looked up: there may be no name server here.
    smtpd_peername_lookup: "no",
    disable_dns_lookups: "yes",
    smtp_host_lookup: "native",
    enable_long_queue_ids: "yes",
    smtpd_client_connection_count_limit: "0",
    ...main,
  };
  const text = Object.entries(parameters).map(([name, value]) => `${name} = ${value}\n`);
  return text.join("").replaceAll("{folder}", folder);
}

/** No service runs in a chroot: its queue has none of the files that this needs. */
function masterOf(ports: ReadonlyMap<string, number>, listeners: Readonly<Record<string, string>>): string {
  const smtpd = [...ports].map(([name, port]) => {
    const words = listeners[name] ?? "";
    return `127.0.0.1:${port} inet n - n - - smtpd ${words}`;
  });
  return `${[
    ...smtpd,
    "pickup unix n - n 60 1 pickup",
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "flush unix n - n 1000? 0 flush",
    "proxymap unix - - n - - proxymap",
    "smtp unix - - n - - smtp",
    "relay unix - - n - - smtp",
    "showq unix n - n - - showq",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "anvil unix - - n - 1 anvil",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "scache unix - - n - 1 scache",
    "postlog unix-dgram n - n - 1 postlogd",
  ].join("\n")}\n`;
}

async function answering(port: number, log: () => string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const signal = AbortSignal.timeout(5000);
    const greeted = await once(socket, "data", { signal }).then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (greeted) {
      return;
    }
    if (Date.now() > deadline) {
      throw new Error(`Postfix does not answer: ${log()}`);
    }
    await sleep(50);
  }
}
