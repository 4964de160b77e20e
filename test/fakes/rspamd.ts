/** A real rspamd on loopback without filters, so that it finds the test message alone and asks nobody, in a folder of its own. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Daemon } from "./daemon.ts";
import { freePort } from "./free-port.ts";

/** A daemon with a folder. */
export class Rspamd extends Daemon {
  readonly #folder: string;

  constructor(port: number, folder: string) {
    super(port, ["rspamd", "-f", "-i", "-c", join(folder, "rspamd.conf")]);
    this.#folder = folder;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Starts one. */
export async function startRspamd(): Promise<Rspamd> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-rspamd-"));
  // It works as another user.
  chmodSync(folder, 0o777);
  const port = await freePort();
  // With all suffixes of the public list and all languages it starts after a minute.
  writeFileSync(join(folder, "suffixes"), "test\nexample\n");
  writeFileSync(join(folder, "rspamd.conf"), configuration(folder, port, await freePort()));
  const rspamd = new Rspamd(port, folder);
  await rspamd.start();
  return rspamd;
}

/** @param silent nobody listens there: the name server */
const configuration = (folder: string, port: number, silent: number): string => `options {
  filters = ""; tempdir = "${folder}"; hs_cache_dir = "${folder}"; disable_hyperscan = true;
  url_tld = "${folder}/suffixes";
  dns { nameserver = ["127.0.0.1:${silent}:1"]; timeout = 0.1s; retransmits = 1; }
}
lang_detection { languages = "${folder}/none"; }
logging { type = "console"; level = "error"; }
worker { type = "normal"; bind_socket = "127.0.0.1:${port}"; count = 1; }
actions { reject = 15; add_header = 6; greylist = 4; }
`;
