/** An LDIF file as a source, through the same presets as a server: for a directory that only exports. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { convertEntries, type Rules } from "../convert/addresses.ts";
import type { Entry } from "../entry.ts";
import { type Batch, type Source, SourceFault } from "../source.ts";
import { createFilter } from "./filter.ts";
import { parseLdif } from "./ldif-parser.ts";
import { openText, unreadable } from "./lines.ts";

/** Entries a batch. */
const batchSize = 1000;

/**
 * A source that reads an LDIF file. Entries outside `base` or the filter are not counted, as a server would not give them.
 * @param folder where relative file names begin
 * @throws RangeError where the filter is none
 */
export function createLdifSource(settings: SourceSettings, rules: Rules, folder: string): Source {
  const matches = createFilter(rules.preset.filter);
  const base = foldDn(settings.base);
  const wanted = (entry: Entry): boolean => isBelow(foldDn(entry.dn), base) && matches(entry);
  return {
    name: settings.name,
    domains: rules.scope.domains,
    async *read(signal) {
      const { text, file } = await openText(settings.url, folder, signal);
      let entries: Entry[] = [];
      try {
        for await (const entry of parseLdif(text, file)) {
          if (wanted(entry)) {
            entries.push(entry);
          }
          if (entries.length === batchSize) {
            yield convertEntries(entries, rules) satisfies Batch;
            entries = [];
          }
        }
      } catch (error) {
        throw error instanceof SourceFault ? error : unreadable(file, error);
      }
      yield convertEntries(entries, rules);
    },
  };
}

/** Good enough to tell what is below a base: case and the blanks around commas play no part. */
function foldDn(dn: string): string {
  return dn
    .trim()
    .replace(/\s*([,=])\s*/g, "$1")
    .toLowerCase();
}

function isBelow(dn: string, base: string): boolean {
  return base === "" || dn === base || dn.endsWith(`,${base}`);
}
