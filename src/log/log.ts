/**
 * The log: one event a line. `plain` lines of the recipient check are byte for byte those of the plugin goodmailto,
 * so that its multilog filters keep working; `tai64n` puts a stamp before them; `json` contains the same and more.
 */
import { parseRecipientLine, usualRecipientLine } from "../config/logging.ts";
import type { RecipientWord } from "../config/logging.ts";
import type { Log, LogFields, VerdictLine } from "../report/log.ts";
import type { Rotation } from "./file-sink.ts";
import { Joint, textOf } from "./line.ts";
import type { Line } from "./line.ts";
import { isUrgent, levels } from "./sink.ts";
import type { Level, Sink } from "./sink.ts";
import { openSinks } from "./sinks.ts";
import { tai64n } from "./tai64n.ts";

export type Format = "plain" | "json" | "tai64n";

/** How and where to: `[log]`. */
export interface LogOptions {
  readonly format: Format;
  readonly level: Level;
  /** Default: standard error. */
  readonly sinks?: readonly string[];
  readonly rotate?: Rotation;
  /** Default: the line of the plugin goodmailto. */
  readonly recipient_line?: string;
  /** Takes one line without its line feed, in place of the sinks. */
  readonly write?: (line: string, urgent: boolean) => void;
  /** ms since 1970 with fractions; default: the clock. */
  readonly now?: () => number;
}

/** A log with the sinks that it writes to. */
export interface OpenLog extends Log {
  /** SIGHUP: log files are reopened. */
  reopen(): void;
  /** Sends what waits, within two seconds. Never rejects. */
  close(): Promise<void>;
}

/**
 * Control characters become `?`, and characters beyond ASCII `\x{FC}`, as RFC 6533 writes addresses: no client can forge or
 * break a line.
 */
export function sanitise(text: string): string {
  return /[^\x20-\x7e]/.test(text) ? text.replace(/[^\x20-\x7e]/gu, escaped) : text;
}

function escaped(char: string): string {
  return /[\p{Cc}\p{Cs}]/u.test(char) ? "?" : `\\x{${char.codePointAt(0)?.toString(16).toUpperCase()}}`;
}

const wordOf: Readonly<Record<RecipientWord, (line: VerdictLine) => string>> = {
  check: (line) => line.check,
  host: (line) => line.host,
  from: (line) => (line.from === "" ? "<>" : line.from),
  user: (line) => line.user,
  address: (line) => line.address,
  status: (line) => line.status,
  ip: (line) => line.ip,
  helo: (line) => line.helo,
  session: (line) => line.session,
};

/** Where the words of a recipient's line are put together. */
const joint = new Joint();

/**
 * The line of a recipient by a template, the null sender as `<>`.
 * @returns takes what is in front of it, and what it tells of
 */
function recipientLine(template: string): (stamp: string, line: VerdictLine) => Line {
  const parts = (parseRecipientLine(template) ?? []).map((part) =>
    "word" in part ? wordOf[part.word] : (): string => part.text,
  );
  const sanitised = (stamp: string, line: VerdictLine): string =>
    stamp + sanitise(parts.map((part) => part(line)).join(""));
  return (stamp, line) => {
    joint.length = 0;
    joint.add(stamp);
    for (const part of parts) {
      if (!joint.add(part(line))) {
        return sanitised(stamp, line);
      }
    }
    return joint;
  };
}

/** As it is, or in quotes if it would not be one word. */
function value(item: string | number | boolean): string {
  if (typeof item !== "string") {
    return String(item);
  }
  return /^[^\s"=\\]+$/.test(item) ? item : JSON.stringify(item);
}

/** `part: event key=value …`. */
export function eventText(part: string, event: string, fields: LogFields): string {
  let words = "";
  for (const key in fields) {
    const item = fields[key];
    words += item === undefined ? "" : ` ${key}=${value(item)}`;
  }
  return sanitise(`${part}: ${event}${words}`);
}

/** JSON with everything outside printable ASCII escaped, so that no reader of any kind is fooled. */
function json(fields: object): string {
  return JSON.stringify(fields).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function verdictJson({ check, ...facts }: VerdictLine, now: number): string {
  return json({
    time: new Date(now).toISOString(),
    level: "info",
    part: check,
    event: "verdict",
    ...facts,
  });
}

/** Makes a log. Errors and warnings are written at once, the rest in batches. */
export function createLog(options: LogOptions): OpenLog {
  const { format } = options;
  const now = options.now ?? ((): number => performance.timeOrigin + performance.now());
  const least = levels.indexOf(options.level);
  const sink = sinkOf(options, now);
  const lineOf = recipientLine(options.recipient_line ?? usualRecipientLine);
  const stamp = (): string => (format === "tai64n" ? `${tai64n(Math.floor(now() * 1000))} ` : "");

  const event = (level: Level, part: string, text: string, fields: LogFields = {}): void => {
    if (levels.indexOf(level) < least) {
      return;
    }
    const line =
      format === "json"
        ? json({ time: new Date(now()).toISOString(), level, part, event: text, ...fields })
        : stamp() + eventText(part, text, fields);
    sink.write(level, line);
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
      sink.write("info", format === "json" ? verdictJson(line, now()) : lineOf(stamp(), line));
    },
    reopen: () => sink.reopen(),
    close: () => sink.close(),
  };
}

function sinkOf({ write, sinks = ["stderr"], rotate = never }: LogOptions, now: () => number): Sink {
  if (write === undefined) {
    return openSinks(sinks, rotate, now);
  }
  return {
    write: (level, line) => write(textOf(line), isUrgent(level)),
    reopen: () => undefined,
    close: () => Promise.resolve(),
  };
}

const never: Rotation = { size: 0, keep: 1 };
