/** A relay with a status page, as a process of its own: what the tests of the page look at. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { configOf, Scene } from "../end-to-end/scene.ts";
import type { Program } from "../end-to-end/scene.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import type { Wanted } from "../fakes/snapshot.ts";

/** The account that may look, and one that has no business there. */
export const user = "vera@kontor.example";
export const password = "correct horse 7";
export const token = "0123456789abcdef-token";

/** A relay that runs. */
export interface Site {
  readonly scene: Scene;
  readonly hop: NextHop;
  readonly config: string;
  readonly program: Program;
  /** Of SMTP. */
  readonly port: number;
  /** Of the page, without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

/** What a test wants of it. */
export interface SiteWanted {
  readonly rows?: readonly Wanted[];
  readonly hop?: NextHopScript;
  /** More keys of `[web]`, `[smtp]` and `[recipients]`, and more sections. */
  readonly web?: string;
  readonly smtp?: string;
  readonly more?: string;
  /** Of the page; any port if it is not given. */
  readonly listen?: string;
  /** Before the relay starts. */
  readonly prepare?: (folder: string) => Promise<void> | void;
}

/** Starts it. */
export async function startSite(wanted: SiteWanted = {}): Promise<Site> {
  const scene = new Scene();
  const hop = await startNextHop(wanted.hop);
  const { folder } = scene;
  mkdirSync(join(folder, "run"));
  chmodSync(scene.write("passwd", `${user}:{PLAIN}${password}\nmax@kontor.example:{PLAIN}another word 8\n`), 0o600);
  chmodSync(scene.write("tokens", `${token}\n`), 0o600);
  const [path, rows] = [join(folder, "snapshot.sqlite"), wanted.rows ?? ["vera@kontor.example", "max@kontor.example"]];
  await publishSnapshot(path, ["old.colleague@kontor.example"]);
  await publishSnapshot(path, rows, [], 2);
  await wanted.prepare?.(folder);
  const web = wanted.web ?? `users = ["${user}"]\ntoken_file = "tokens"`;
  const more = `
[trace]
keep = "30d"
folder = "${folder}/trace"
[auth]
passwords = "passwd"
failure_delay = "10ms"
max_failures = 6
[web]
listen = "${wanted.listen ?? "127.0.0.1:0"}"
${web}
${wanted.more ?? ""}`;
  const smtp = `status_folder = "${folder}/run"\n${wanted.smtp ?? ""}`;
  const config = scene.write("goodmailto.toml", configOf({ hop: hop.port, smtp, more }));
  const program = scene.start("serve", "--config", config);
  const [, page] = await program.until(/web: ready listen=\S*?:(\d+)/);
  const [, port] = await program.until(/relay: ready listen=\S*?:(\d+)/);
  return {
    ...{ scene, hop, config, program, port: Number(port ?? 0), url: `http://127.0.0.1:${page}` },
    close: async () => {
      await scene.close();
      await hop.close();
    },
  };
}
