/** A real spamd on loopback that asks nobody over the network, in a folder of its own. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Daemon } from "./daemon.ts";
import { freePort } from "./free-port.ts";

/** The test message of spam filters, in two halves: no filter finds it here. */
export const gtube = `XJS*C4JDBQADN1.NSBN3*2IDNEN*${"GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"}`;

/** A daemon with a folder. */
export class Spamd extends Daemon {
  readonly #folder: string;

  constructor(port: number, folder: string) {
    const words = ["-L", "-x", "-i", "127.0.0.1", "--port", String(port), "--max-children", "1", "--min-children", "1"];
    super(port, ["spamd", ...words, "--syslog=stderr", "-H", folder]);
    this.#folder = folder;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Starts one. */
export async function startSpamd(): Promise<Spamd> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-spamd-"));
  // It works as another user.
  chmodSync(folder, 0o777);
  const spamd = new Spamd(await freePort(), folder);
  await spamd.start();
  return spamd;
}
