/** Debian's rsyslog on loopback, which writes what it receives to one file. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Program, Scene } from "../end-to-end/scene.ts";
import { until } from "../end-to-end/scene.ts";
import { freePort } from "./free-port.ts";

/** A running rsyslogd. */
export interface Rsyslog {
  readonly port: number;
  readonly program: Program;
  /** The messages so far, as "facility severity program message". */
  lines(): string[];
}

/** Starts one that listens by UDP and TCP. @param port to take; default: a free one */
export async function startRsyslog(scene: Scene, port?: number): Promise<Rsyslog> {
  const listen = port ?? (await freePort());
  const output = join(scene.folder, "syslog");
  const config = scene.write(
    "rsyslog.conf",
    `
global(workDirectory="${scene.folder}" processInternalMessages="on")
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="${listen}")
input(type="imtcp" address="127.0.0.1" port="${listen}")
template(name="facts" type="string" string="%syslogfacility-text% %syslogseverity-text% %app-name% %msg%\\n")
action(type="omfile" file="${output}" template="facts")
`,
  );
  const program = scene.run("rsyslogd", ["-n", "-f", config, "-i", join(scene.folder, "rsyslog.pid")]);
  const lines = (): string[] => {
    try {
      return readFileSync(output, "utf8").trimEnd().split("\n");
    } catch {
      return [];
    }
  };
  await until(lines, (all) => all.some((line) => line.includes("start")));
  return { port: listen, program, lines };
}
