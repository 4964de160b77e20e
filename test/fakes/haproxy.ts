/** A real haproxy of its own in a temporary folder: TCP frontends that forward to servers with `send-proxy`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Daemon } from "./daemon.ts";
import { freePort } from "./free-port.ts";

/** One way through it. */
export interface HaproxyWay {
  /** Where it listens, without the port. */
  readonly bind: string;
  readonly to: number;
  /** Words of the server line behind its address: `send-proxy check`. */
  readonly server: string;
  /** Lines of the backend. */
  readonly backend?: string;
}

export interface Haproxy {
  /** Of the ways, by name. */
  readonly ports: Readonly<Record<string, number>>;
  /** State and last check of the server of a way, as "UP L7OK 250". */
  health(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts it, and waits until its ways listen. */
export async function startHaproxy(ways: Readonly<Record<string, HaproxyWay>>): Promise<Haproxy> {
  const folder = await mkdtemp(join(tmpdir(), "gmto-haproxy-"));
  const stats = await freePort();
  const ports: Record<string, number> = {};
  const sections: string[] = [];
  for (const [name, { bind, to, server, backend = "" }] of Object.entries(ways)) {
    const port = await freePort(bind === "[::1]" ? "::1" : bind);
    ports[name] = port;
    sections.push(`frontend ${name}\n  bind ${bind}:${port}\n  default_backend to_${name}`);
    sections.push(`backend to_${name}\n  ${backend}\n  server relay 127.0.0.1:${to} ${server}`);
  }
  const file = join(folder, "haproxy.cfg");
  await writeFile(
    file,
    `global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n` +
      `${sections.join("\n")}\nfrontend stats\n  mode http\n  bind 127.0.0.1:${stats}\n  stats enable\n  stats uri /\n`,
  );
  const daemon = new Daemon(stats, ["haproxy", "-db", "-f", file]);
  await daemon.start();
  return {
    ports,
    health: async (name) => {
      const answer = await fetch(`http://127.0.0.1:${stats}/;csv`, { signal: AbortSignal.timeout(5000) });
      const [head = [], ...rows] = (await answer.text()).split("\n").map((line) => line.split(","));
      const row = rows.find(([proxy, server]) => proxy === `to_${name}` && server === "relay") ?? [];
      const value = (column: string): string => row[head.indexOf(column)] ?? "";
      return `${value("status")} ${value("check_status")} ${value("check_code")}`;
    },
    stop: async () => {
      await daemon.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
