/** Real milters in folders of their own: python3-milter that does what a message asks for (doer.py), opendkim and others. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Daemon } from "./daemon.ts";
import { freePort } from "./free-port.ts";

/** What the milter was told: number of its connection, event, values. */
export type Told = readonly [connection: number, event: string, ...values: unknown[]];

/** A program at a port of loopback. */
export interface MilterProgram {
  readonly daemon: Daemon;
  /** As `url` of the check. */
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  close(): Promise<void>;
}

/** Starts one. @param command of a port and a folder that is its own */
export async function startMilterProgram(
  command: (port: number, folder: string) => readonly string[],
): Promise<MilterProgram> {
  for (let tries = 1; ; tries++) {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-milter-"));
    const port = await freePort();
    const daemon = new Daemon(port, command(port, folder));
    const close = async (): Promise<void> => {
      await daemon.kill();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      await daemon.start();
      return { daemon, url: `inet:127.0.0.1:${port}`, port, folder, close };
    } catch (error) {
      await close();
      // Somebody else may have taken the port in between.
      if (tries === 3) {
        throw error;
      }
    }
  }
}

export interface Doer extends MilterProgram {
  /** Everything that it was told so far. */
  told(): readonly Told[];
  /** The same without values, of the last connection: "connect helo mail rcpt". */
  events(): string;
}

/** Starts the milter that does what messages ask for. */
export async function startDoer(): Promise<Doer> {
  const script = join(import.meta.dirname, "doer.py");
  // python3-milter belongs to Debian's own Python.
  const program = await startMilterProgram((port, folder) => [
    "/usr/bin/python3",
    script,
    `inet:${port}@127.0.0.1`,
    join(folder, "record"),
  ]);
  const told = (): Told[] =>
    readFileSync(join(program.folder, "record"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Told);
  return {
    ...program,
    told,
    events: () => {
      const all = told();
      const last = all.at(-1)?.[0];
      return all
        .filter(([connection]) => connection === last)
        .map(([, event]) => event)
        .join(" ");
    },
  };
}
