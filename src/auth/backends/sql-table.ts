/** Compares a password with the row of a user: `clear`, `crypt`, or both. */
import type { Log } from "../../report/log.ts";
import type { BackEndAnswer, ClearAnswer } from "./contract.ts";
import { same } from "./crypt.ts";
import type { SqlThread } from "./sql-thread.ts";

/** What a row says of a user; "" for nothing. */
interface Row {
  readonly crypt: string;
  readonly clear: string;
}

/** The rows of a user; undefined where the user cannot be one of this database. */
export type FindRows = (user: string, signal: AbortSignal) => Promise<unknown> | undefined;

export class SqlTable {
  readonly #find: FindRows;
  readonly #thread: SqlThread;
  readonly #log: Log;
  /** The hash that was seen last: an unknown user costs as much as a wrong password. */
  #usual = "";

  constructor(find: FindRows, thread: SqlThread, log: Log) {
    this.#find = find;
    this.#thread = thread;
    this.#log = log;
  }

  async check(user: string, password: string, signal: AbortSignal): Promise<BackEndAnswer> {
    const row = await this.#row(user, signal);
    if ("kind" in row) {
      await this.#fits(password, this.#usual, signal);
      return row;
    }
    if (row.clear !== "" && same(password, row.clear)) {
      return { kind: "accepted" };
    }
    this.#usual = row.crypt;
    const fits = await this.#fits(password, row.crypt, signal);
    if (fits === undefined && row.crypt !== "") {
      this.#log.warning("auth", "sql: password hash is of no known kind, or asks for too much work", { user });
    }
    return { kind: fits === true ? "accepted" : "refused" };
  }

  async clearOf(user: string, signal: AbortSignal): Promise<ClearAnswer> {
    const row = await this.#row(user, signal);
    if ("kind" in row) {
      return row;
    }
    return row.clear === "" ? { kind: "refused" } : { kind: "clear", password: row.clear };
  }

  async #fits(password: string, hash: string, signal: AbortSignal): Promise<unknown> {
    return hash === "" ? undefined : await this.#thread.run({ kind: "crypt", password, hash }, signal);
  }

  async #row(
    user: string,
    signal: AbortSignal,
  ): Promise<Row | Extract<BackEndAnswer, { readonly kind: "unknown" | "unavailable" }>> {
    const rows = await this.#find(user, signal);
    if (!Array.isArray(rows) || rows.length === 0) {
      return { kind: "unknown" };
    }
    const [row]: Readonly<Record<string, unknown>>[] = rows;
    if (row === undefined || rows.length > 1) {
      return { kind: "unavailable", why: `the query gives ${rows.length} rows for one user` };
    }
    if (!("crypt" in row) && !("clear" in row)) {
      return { kind: "unavailable", why: "the query gives neither a column crypt nor a column clear" };
    }
    return { crypt: textOf(row["crypt"]), clear: textOf(row["clear"]) };
  }
}

/** A column may be binary, or NULL. */
function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : typeof value === "string" ? value : "";
}
