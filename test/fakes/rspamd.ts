/** A real rspamd on loopback without filters, so that it finds the test message alone and asks nobody, in a folder of its own. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Daemon } from "./daemon.ts";
import { freePort } from "./free-port.ts";

/** A daemon with a folder. */
export class Rspamd extends Daemon {
  readonly #folder: string;
  /** Where its worker rspamd_proxy speaks the milter protocol, as `url` of the check milter: by TCP, and by a Unix socket. */
  readonly milters: readonly [tcp: string, unix: string];

  /** @param proxy a second port */
  constructor(port: number, proxy: number, folder: string) {
    super(port, ["rspamd", "-f", "-i", "-c", join(folder, "rspamd.conf")]);
    this.#folder = folder;
    this.milters = [`inet:127.0.0.1:${proxy}`, `unix:${folder}/milter.sock`];
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Starts one. @param proxied with a worker rspamd_proxy, too @param lua lines of rspamd.local.lua */
export async function startRspamd(proxied = false, lua = ""): Promise<Rspamd> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-rspamd-"));
  // It works as another user.
  chmodSync(folder, 0o777);
  const [port, proxy] = [await freePort(), await freePort()];
  // With all suffixes of the public list and all languages it starts after a minute.
  writeFileSync(join(folder, "suffixes"), "test\nexample\n");
  const more =
    (proxied ? milterWorker(folder, proxy, port) : "") + (lua === "" ? "" : `lua = "${folder}/local.lua";\n`);
  writeFileSync(join(folder, "local.lua"), lua);
  writeFileSync(join(folder, "rspamd.conf"), configuration(folder, port, await freePort()) + more);
  const rspamd = new Rspamd(port, proxy, folder);
  await rspamd.start();
  return rspamd;
}

/** @param silent nobody listens there: the name server */
const configuration = (folder: string, port: number, silent: number): string => `options {
  filters = ""; tempdir = "${folder}"; hs_cache_dir = "${folder}"; disable_hyperscan = true;
  url_tld = "${folder}/suffixes"; enable_test_patterns = true;
  dns { nameserver = ["127.0.0.1:${silent}:1"]; timeout = 0.1s; retransmits = 1; }
}
lang_detection { languages = "${folder}/none"; }
logging { type = "console"; level = "error"; }
worker { type = "normal"; bind_socket = "127.0.0.1:${port}"; count = 1; }
actions { reject = 15; rewrite_subject = 8; add_header = 6; greylist = 4; }
`;

const milterWorker = (folder: string, proxy: number, port: number): string => `worker {
  type = "rspamd_proxy"; count = 1; milter = yes; timeout = 20s;
  bind_socket = "127.0.0.1:${proxy}"; bind_socket = "${folder}/milter.sock mode=0666";
  upstream "local" { default = yes; hosts = "127.0.0.1:${port}"; }
}
`;
