/** A database as a source: one query, whose rows have the columns `address` and `kind`, or those of `attributes`. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { errorMessage } from "../../src/report/error-message.ts";
import { Late, unlessAborted, within } from "../../src/wait/within.ts";
import type { Rules } from "../convert/rules.ts";
import { type Batch, type Notice, type Source, SourceFault } from "../source.ts";
import { type Columns, type Database, openDatabase } from "./database.ts";
import { columnName, refuseColumns, RowBatch } from "./rows.ts";
import { readCertificates, readPassword } from "./secrets.ts";

/**
 * A source that asks a database.
 * @param folder where relative file names begin
 * @throws RangeError if the preset has no query for the domains
 */
export function createSqlSource(settings: SourceSettings, rules: Rules, folder: string): Source {
  const query = queryOf(settings, rules);
  return {
    name: settings.name,
    domains: rules.scope.domains,
    async *read(signal, notice) {
      const { database, url } = await connect(settings, folder, signal, notice);
      try {
        yield* readRows(database, { ...settings, query }, rules, url, signal);
      } finally {
        database.close();
      }
    },
  };
}

function queryOf({ query }: SourceSettings, { preset, scope }: Rules): string {
  if (query !== "") {
    return query;
  }
  return typeof preset.query === "function" ? preset.query(scope.exact) : (preset.query ?? "");
}

interface Connected {
  readonly database: Database;
  readonly url: string;
}

/** The first server that takes the connection. */
async function connect(
  { url: urls, user, password_file: file, ca_file: caFile, timeout }: SourceSettings,
  folder: string,
  signal: AbortSignal,
  notice: Notice | undefined,
): Promise<Connected> {
  const password = file === "" ? "" : await readPassword(file, folder);
  const ca = await readCertificates(caFile, folder);
  for (const url of urls) {
    const opening = openDatabase({ url, folder, user, password, ca, timeout });
    try {
      return { url, database: await inTime(opening, timeout, signal) };
    } catch (error) {
      // One that comes after all is closed.
      opening.then((late) => late.close()).catch(() => undefined);
      const fault = asFault(error, "connect", `Cannot connect to ${url}`);
      if (url === urls.at(-1) || signal.aborted) {
        throw fault;
      }
      notice?.(fault);
    }
  }
  throw new SourceFault("connect", "url names no database");
}

async function* readRows(
  database: Database,
  { query, timeout, attributes }: SourceSettings,
  rules: Rules,
  url: string,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  const batches = new RowBatch(rules);
  let isFirst = true;
  const rows = database.rows(query);
  try {
    for (;;) {
      const { done, value } = await inTime(rows.next(), timeout, signal);
      if (done === true) {
        break;
      }
      const cells = cellsOf(value);
      if (isFirst) {
        refuseColumns(new Set(cells.keys()), "the query's result", rules, attributes.length > 0);
        isFirst = false;
      }
      const batch = batches.add(placeOf(cells, rules), cells);
      if (batch !== undefined) {
        yield batch;
      }
    }
  } catch (error) {
    throw error instanceof SourceFault ? error : asFault(error, "search", `The query failed on ${url}`);
  } finally {
    // Not waited for: a server that does not answer would not answer this either.
    rows.return?.().catch(() => undefined);
  }
  yield batches.end();
}

/** What the database says in time. @throws SourceFault "timeout" */
async function inTime<T>(promise: Promise<T>, timeout: number, signal: AbortSignal): Promise<T> {
  try {
    const late = `no answer within ${timeout / 1000} s`;
    return await within(unlessAborted(promise, signal, "the run was stopped"), timeout, late);
  } catch (error) {
    throw error instanceof Late ? new SourceFault("timeout", error.message, { cause: error }) : error;
  }
}

function asFault(error: unknown, reason: "connect" | "search", what: string): SourceFault {
  const own = error instanceof SourceFault ? error.reason : reason;
  return new SourceFault(own, `${what}: ${errorMessage(error)}`, { cause: error });
}

function cellsOf(row: Columns): Map<string, string> {
  return new Map(Object.entries(row).map(([name, value]) => [columnName(name), textOf(value)]));
}

function textOf(value: unknown): string {
  const text = Buffer.isBuffer(value) ? value.toString("utf8") : value;
  return typeof text === "string" ? text.trim() : typeof text === "number" || typeof text === "bigint" ? `${text}` : "";
}

/** Rows have no place that stays; a column `entry` names one, else the address does. */
function placeOf(cells: ReadonlyMap<string, string>, { preset }: Rules): string {
  const first = preset.addresses.map(({ attribute }) => cells.get(attribute) ?? "").find((text) => text !== "");
  return cells.get("entry") ?? `row ${first ?? ""}`;
}
