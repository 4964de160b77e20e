/**
 * The log: one event a line. `plain` lines of the recipient check are byte for byte those of the plugin goodmailto,
 * so that its multilog filters go on working; `tai64n` puts a stamp before them; `json` tells the same and more.
 */
import { fstatSync } from "node:fs";

import type { Log, LogFields, VerdictLine } from "../report/log.ts";
import { LineWriter } from "./line-writer.ts";
import { tai64n } from "./tai64n.ts";

const levels = ["debug", "info", "warning", "error"] as const;
export type Level = (typeof levels)[number];
export type Format = "plain" | "json" | "tai64n";

/** How and where to. */
export interface LogOptions {
  readonly format: Format;
  readonly level: Level;
  /** Takes one line without its line feed; default: standard error, in batches. */
  readonly write?: (line: string, urgent: boolean) => void;
  /** ms since 1970 with fractions; default: the clock. */
  readonly now?: () => number;
}

/** Control and non-ASCII characters become `?`: no client can forge or break a line. */
export function sanitise(text: string): string {
  return /[^\x20-\x7e]/.test(text) ? text.replace(/[^\x20-\x7e]/g, "?") : text;
}

/** The line of the plugin goodmailto. The null sender is shown as `<>`. */
export function verdictText(line: VerdictLine): string {
  const from = line.from === "" ? "<>" : line.from;
  return sanitise(
    `${line.check}: host: ${line.host} from: ${from} to: ${line.user} (${line.address}) status: ${line.status}`,
  );
}

function value(item: string | number | boolean): string {
  if (typeof item !== "string") {
    return String(item);
  }
  return /^[^\s"=\\]+$/.test(item) ? sanitise(item) : sanitise(JSON.stringify(item));
}

/** `part: event key=value …`. */
export function eventText(part: string, event: string, fields: LogFields): string {
  const words = Object.entries(fields).flatMap(([key, item]) => (item === undefined ? [] : [` ${key}=${value(item)}`]));
  return `${sanitise(part)}: ${sanitise(event)}${words.join("")}`;
}

/** JSON with everything outside printable ASCII escaped, so that no reader of any kind is fooled. */
function json(fields: object): string {
  return JSON.stringify(fields).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Priorities of syslog(3), as sd-daemon(3) reads them in front of a line. */
const priorities: Readonly<Record<Level, string>> = { debug: "<7>", info: "<6>", warning: "<4>", error: "<3>" };

/** Whether a descriptor is the stream to systemd's journal that JOURNAL_STREAM names (systemd.exec(5)): not so in a pipe. */
export function isJournal(descriptor: number, stream: string | undefined): boolean {
  if (stream === undefined) {
    return false;
  }
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** Makes a log. Errors and warnings are written at once, the rest in batches. */
export function createLog(options: LogOptions): Log {
  const { format } = options;
  const now = options.now ?? ((): number => performance.timeOrigin + performance.now());
  const least = levels.indexOf(options.level);
  const toJournal = options.write === undefined && isJournal(2, process.env["JOURNAL_STREAM"]);
  const prefixOf = (level: Level): string => (toJournal ? priorities[level] : "");
  const writer = options.write === undefined ? new LineWriter(2, prefixOf("warning")) : undefined;
  const write = options.write ?? ((line: string, urgent: boolean): void => writer?.write(line, urgent));
  const stamp = (): string => (format === "tai64n" ? `${tai64n(Math.floor(now() * 1000))} ` : "");

  const event = (level: Level, part: string, text: string, fields: LogFields = {}): void => {
    if (levels.indexOf(level) < least) {
      return;
    }
    const line =
      format === "json"
        ? json({ time: new Date(now()).toISOString(), level, part, event: text, ...fields })
        : stamp() + eventText(part, text, fields);
    write(prefixOf(level) + line, level === "warning" || level === "error");
  };
  return {
    debug: (part, text, fields) => event("debug", part, text, fields),
    info: (part, text, fields) => event("info", part, text, fields),
    warning: (part, text, fields) => event("warning", part, text, fields),
    error: (part, text, fields) => event("error", part, text, fields),
    verdict: (line) => {
      if (least > 1) {
        return;
      }
      const { check, more, ...facts } = line;
      const text =
        format === "json"
          ? json({
              time: new Date(now()).toISOString(),
              level: "info",
              part: check,
              event: "verdict",
              ...facts,
              ...more,
            })
          : stamp() + verdictText(line);
      write(prefixOf("info") + text, false);
    },
  };
}
