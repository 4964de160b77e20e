/** A real clamav-milter on loopback, in a folder of its own, beside a clamd of the test. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

import type { Clamd } from "./clamd.ts";
import { Daemon } from "./daemon.ts";
import { freePort } from "./free-port.ts";

/** A daemon with a folder. */
export interface ClamavMilter {
  readonly port: number;
  readonly pid: number;
  close(): Promise<void>;
}

/** Starts one that rejects what is infected and changes nothing. @param more lines of its configuration */
export async function startClamavMilter(clamd: Clamd, more: readonly string[] = []): Promise<ClamavMilter> {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-milter-"));
  const port = await freePort();
  const config = join(folder, "clamav-milter.conf");
  const lines = [
    `MilterSocket inet:${port}@127.0.0.1`,
    `ClamdSocket unix:${clamd.path}`,
    "Foreground yes",
    `User ${userInfo().username}`,
    `TemporaryDirectory ${folder}`,
    "OnInfected Reject",
    "OnClean Accept",
    "OnFail Defer",
    ...more,
  ];
  writeFileSync(config, `${lines.join("\n")}\n`);
  const daemon = new Daemon(port, ["clamav-milter", "-c", config]);
  await daemon.start();
  return {
    port,
    pid: daemon.pid,
    close: async () => {
      await daemon.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
