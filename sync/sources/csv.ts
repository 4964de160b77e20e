/**
 * CSV as a source: the first row names the columns. RFC 4180; semicolons and tabs too, and the `#TYPE` line of
 * PowerShell's Export-Csv.
 */
import { pipeline } from "node:stream/promises";

import { CsvError, type Info, parse } from "csv-parse";

import type { SourceSettings } from "../../src/config/schema.ts";
import { errorMessage } from "../../src/report/error-message.ts";
import type { Rules } from "../convert/rules.ts";
import { type Batch, type Source, SourceFault } from "../source.ts";
import { checkText, type OpenText } from "./lines.ts";
import { columnName, refuseColumns, RowBatch } from "./rows.ts";
import { createTextSource } from "./text-source.ts";

/** Characters of one row: a mailbox may have hundreds of addresses. */
const maxRow = 1024 * 1024;

/** A source that reads such a text. */
export function createCsvSource({ name, attributes }: SourceSettings, rules: Rules, open: OpenText): Source {
  return createTextSource(name, rules, open, async function* (text, file) {
    try {
      yield* readTable(text, file, rules, attributes.length > 0);
    } catch (error) {
      throw csvFault(file, error);
    }
  });
}

interface Row {
  readonly record: readonly string[];
  readonly info: Info;
}

async function* readTable(
  text: AsyncIterable<string>,
  file: string,
  rules: Rules,
  needsAll: boolean,
): AsyncGenerator<Batch> {
  const { first, all } = await firstLine(text);
  checkText(first, file);
  const parser = parse({ delimiter: delimiterOf(first), info: true, skip_empty_lines: true, max_record_size: maxRow });
  // A failure of either ends both; the loop below reports it.
  const feeding = pipeline(all, parser).catch((error: unknown) => parser.destroy(asError(error)));
  const rows = new RowBatch(rules);
  let columns: readonly string[] | undefined;
  for await (const { record, info } of parser as AsyncIterable<Row>) {
    if (columns === undefined) {
      columns = record.map(columnName);
      refuseColumns(new Set(columns), `${file}:${info.lines}`, rules, needsAll);
    } else {
      const names = columns;
      const batch = rows.add(
        `${file}:${info.lines}`,
        record.map((cell, i) => [names[i] ?? "", cell.trim()] as const),
      );
      if (batch !== undefined) {
        yield batch;
      }
    }
  }
  await feeding;
  yield rows.end();
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(errorMessage(error));
}

/** The first line, without the `#TYPE` line and the byte order mark, and the whole text from it on. */
async function firstLine(
  text: AsyncIterable<string>,
): Promise<{ readonly first: string; readonly all: AsyncIterable<string> }> {
  const rest = text[Symbol.asyncIterator]();
  let head = "";
  for (;;) {
    head = head.replace(/^\uFEFF/, "").replace(/^#TYPE [^\n]*\n/, "");
    const more = head.includes("\n") && !"#TYPE ".startsWith(head.slice(0, 6)) ? undefined : await rest.next();
    if (more === undefined || more.done === true || head.length > maxRow) {
      break;
    }
    head += more.value;
  }
  return {
    first: head.split("\n", 1)[0] ?? "",
    all: (async function* () {
      yield head;
      yield* { [Symbol.asyncIterator]: () => rest };
    })(),
  };
}

/** The one that the header row has most often outside quotes. */
function delimiterOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, "");
  const counts = [",", ";", "\t"].map((one) => ({ one, count: bare.split(one).length }));
  return counts.toSorted((a, b) => b.count - a.count)[0]?.one ?? ",";
}

/** An error of the parser with its line; any other stays as it is. */
function csvFault(file: string, error: unknown): unknown {
  return error instanceof CsvError
    ? new SourceFault("format", `${file}:${String(error["lines"])}: ${errorMessage(error)}`, { cause: error })
    : error;
}
