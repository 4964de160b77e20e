/** One line as a syslog message, RFC 5424 6. */
import { hostname } from "node:os";

import type { Level } from "./sink.ts";

/** Facility mail, RFC 5424 6.2.1. */
const facility = 2;
const severities: Readonly<Record<Level, number>> = { debug: 7, info: 6, warning: 4, error: 3 };
/** Longest message, in octets: rsyslog's and syslog-ng's default. */
const most = 8192;

/** @param at ms since 1970 */
export function syslogMessage(level: Level, line: string, at: number): Buffer {
  const host =
    hostname()
      .replaceAll(/[^\x21-\x7e]/g, "-")
      .slice(0, 255) || "-";
  const header = `<${facility * 8 + severities[level]}>1 ${new Date(at).toISOString()} ${host} goodmailto ${process.pid} - - `;
  return Buffer.from(header + line).subarray(0, most);
}
