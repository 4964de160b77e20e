/** What a part says to the log; src/log/log.ts writes it. One event a line, never message content. */

/** Facts of one event. Undefined values are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The answer to one recipient, in the shape of the plugin goodmailto's log line. */
export interface VerdictLine {
  /** The check that decided; the line begins with it. */
  readonly check: string;
  /** The client's host name, or its address. */
  readonly host: string;
  /** The sender without brackets; "" for the null sender. */
  readonly from: string;
  /** The user part as looked up. */
  readonly user: string;
  readonly address: string;
  /** "found", "not found", or another outcome in a few words. */
  readonly status: string;
  // What follows is in the JSON format, and elsewhere only where `recipient_line` names it.
  readonly session: string;
  readonly ip: string;
  readonly helo: string;
  readonly listener: string;
  /** Of the reply; undefined: none. */
  readonly code: number | undefined;
  /** From the command to here. */
  readonly ms: number;
}

/** One line each; the first word names the part (`snapshot`, `sync`, a check's name). */
export interface Log {
  debug(part: string, event: string, fields?: LogFields): void;
  info(part: string, event: string, fields?: LogFields): void;
  warning(part: string, event: string, fields?: LogFields): void;
  error(part: string, event: string, fields?: LogFields): void;
  /** Written at level info. */
  verdict(line: VerdictLine): void;
}

/** Says nothing: for `check` and other commands whose output is their answer. */
export const silentLog: Log = { debug() {}, info() {}, warning() {}, error() {}, verdict() {} };
