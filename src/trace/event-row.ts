/** An event as a row of the journal, and back. */
import type { MailEvent } from "../report/event.ts";

/** The columns, in the order of the table. */
export const columns = [
  "at",
  "kind",
  "stage",
  "session",
  "ref",
  "listener",
  "ip",
  "host",
  "helo",
  "tls",
  "user",
  "sender",
  "recipients",
  "asked",
  "code",
  "reply",
  "by",
  "reason",
  "hop",
  "said",
  "queue",
  "messageId",
  "bytes",
  "receiveMs",
  "ms",
  "protocol",
  "asker",
] as const satisfies readonly (keyof MailEvent)[];

const numbers: ReadonlySet<string> = new Set(["at", "code", "bytes", "receiveMs"]);

/** The columns with their types, for CREATE TABLE. */
export const columnTypes: string = columns
  .map((name) => `"${name}" ${name === "ms" ? "REAL" : numbers.has(name) ? "INTEGER" : "TEXT"}`)
  .join(", ");

/** A value as SQLite has it. */
export type Cell = string | number | null;
/** As SQLite gives it. */
export type Row = Readonly<Record<(typeof columns)[number], Cell>>;

/** No address holds one. */
const between = "\n";

/** The values of the columns. */
export function cellsOf(event: MailEvent): Cell[] {
  return columns.map((name) => {
    const value = event[name];
    return typeof value === "object" ? value.join(between) : (value ?? null);
  });
}

/** The event of a row. What it was made from had these types. */
export function eventOfRow(row: Row): MailEvent {
  const values = Object.fromEntries(columns.map((name) => [name, row[name] ?? undefined]));
  const recipients = String(row.recipients ?? "");
  return { ...(values as unknown as MailEvent), recipients: recipients === "" ? [] : recipients.split(between) };
}
