/**
 * Rows of a table as entries: each column is an attribute. Without a preset of its own, the column `address` (or those
 * of `attributes`) contains addresses, and the column `kind` says what the row is.
 */
import { convertEntries } from "../convert/addresses.ts";
import type { Rules } from "../convert/rules.ts";
import type { Entry } from "../entry.ts";
import { type Batch, SourceFault } from "../source.ts";

/** Rows per batch. */
const batchSize = 1000;
/** Columns that one message names. */
const mostNames = 30;

/** Names of columns in lower case, blanks around them left out. */
export function columnName(text: string): string {
  return text.trim().toLowerCase();
}

/** Collects rows into batches. */
export class RowBatch {
  readonly #rules: Rules;
  #entries: Entry[] = [];

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** @param place of the row, for a person; @returns a batch if one is full */
  add(place: string, cells: Iterable<readonly [column: string, text: string]>): Batch | undefined {
    const attributes = new Map<string, readonly string[]>();
    for (const [column, text] of cells) {
      if (text !== "") {
        attributes.set(column, [...(attributes.get(column) ?? []), text]);
      }
    }
    this.#entries.push({ dn: place, attributes });
    return this.#entries.length < batchSize ? undefined : this.end();
  }

  /** What is left. */
  end(): Batch {
    const batch = convertEntries(this.#entries, this.#rules);
    this.#entries = [];
    return batch;
  }
}

/**
 * A column that is gone would be a kind of address that is gone.
 * @param columns names in lower case
 * @param needsAll the configuration names the columns, not a preset
 * @throws SourceFault "format"
 */
export function refuseColumns(columns: ReadonlySet<string>, what: string, { preset }: Rules, needsAll: boolean): void {
  const missing = preset.addresses.map(({ attribute }) => attribute).filter((name) => !columns.has(name));
  if (missing.length > 0 && (needsAll || missing.length === preset.addresses.length)) {
    throw new SourceFault(
      "format",
      `${what} has no column ${quoted(missing)}, but ${quoted([...columns].slice(0, mostNames))}; name the columns with addresses in attributes`,
    );
  }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(", ");
}
