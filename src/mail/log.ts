/** What a part says to the log; src/ops/log.ts writes it. One event a line, never message content. */

/** Facts of one event. Undefined values are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** One line each; the first word names the part (`snapshot`, `sync`, a check's name). */
export interface Log {
  debug(part: string, event: string, fields?: LogFields): void;
  info(part: string, event: string, fields?: LogFields): void;
  warning(part: string, event: string, fields?: LogFields): void;
  error(part: string, event: string, fields?: LogFields): void;
}

/** Says nothing: for `check` and other commands whose output is their answer. */
export const silentLog: Log = { debug() {}, info() {}, warning() {}, error() {} };
