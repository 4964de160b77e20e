/**
 * A list of recipients as a source: the file `control/goodmailto` of the plugin that this project grew from. One user
 * part or address a line, or `@domain` for everybody there; `#` comments, blank lines, CRLF and a byte order mark are
 * tolerated.
 */
import type { SourceSettings } from "../../src/config/schema.ts";
import type { Kind } from "../../src/snapshot/format.ts";
import type { Rules } from "../convert/rules.ts";
import { convertValue } from "../convert/values.ts";
import { createLeftOuts, type LeftOuts } from "../left-out.ts";
import type { AddressAttribute } from "../presets/preset.ts";
import type { Batch, FoundAddress, Source } from "../source.ts";
import { type OpenText, readLines } from "./lines.ts";
import { createTextSource } from "./text-source.ts";

const batchSize = 1000;
/** Characters of a line: addresses are short, a comment may be longer. */
const maxLine = 64 * 1024;

/** A source that reads such a text. */
export function createListSource({ name }: SourceSettings, rules: Rules, open: OpenText): Source {
  return createTextSource(name, rules, open, (text, file) => readList(text, file, rules));
}

/** Reads the lines of a list into batches. */
export async function* readList(
  input: string | AsyncIterable<string>,
  file: string,
  rules: Rules,
): AsyncGenerator<Batch> {
  let attribute: AddressAttribute = { attribute: "", form: "plain", kind: "account", catchAll: true };
  let { batch, out } = emptyBatch();
  for await (const { text, number } of readLines(input, file, maxLine)) {
    const value = text.trim();
    if (value.startsWith("#")) {
      attribute = { ...attribute, kind: headingKind(value) ?? attribute.kind };
    } else if (value !== "") {
      const entry = `${file}:${number}`;
      batch.entries += 1;
      const { found } = batch;
      convertValue(value, attribute, rules, (key, kind) => found.push({ key, kind, entry }), out.of(entry, ""));
    }
    if (batch.entries === batchSize) {
      yield batch;
      ({ batch, out } = emptyBatch());
    }
  }
  yield batch;
}

function emptyBatch(): { batch: Batch & { entries: number; found: FoundAddress[] }; out: LeftOuts } {
  const out = createLeftOuts();
  return { batch: { entries: 0, found: [], skipped: out.skipped, left: out.left }, out };
}

/** The plugin's files group their lines: `# Aliases ####`, `# Accounts ####`. */
function headingKind(comment: string): Kind | undefined {
  const word = /^#+\s*(accounts?|short ?names?|aliases|alias|groups?)\b/i.exec(comment)?.[1]?.toLowerCase();
  if (word === undefined) {
    return undefined;
  }
  if (word.startsWith("alias")) {
    return "alias";
  }
  return word.startsWith("group") ? "group" : word.startsWith("account") ? "account" : "shortname";
}
