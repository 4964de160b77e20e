/** LDIF as a source, through the same presets as a server: for a directory that only exports. */
import type { SourceSettings } from "../../src/config/schema.ts";
import { convertEntries } from "../convert/addresses.ts";
import type { Rules } from "../convert/rules.ts";
import { namesOf } from "../convert/attribute-names.ts";
import { foldDn, isBelow } from "../convert/distinguished-name.ts";
import type { Entry } from "../entry.ts";
import type { Source } from "../source.ts";
import { attributesOf, type Filter, parseFilter } from "./filter.ts";
import { compileFilter } from "./filter-evaluator.ts";
import { parseLdif } from "./ldif-parser.ts";
import { filterHints } from "./hints.ts";
import type { OpenText } from "./lines.ts";
import { createTextSource } from "./text-source.ts";
import { asksByClass, collectUnasked } from "./unasked.ts";

/** Entries a batch. */
const batchSize = 1000;

/**
 * A source that reads LDIF. Entries outside `base` or the filter are not counted, as a server would not give
 * them.
 * @throws RangeError if the filter is none
 */
export function createLdifSource(settings: SourceSettings, rules: Rules, open: OpenText): Source {
  const filter = parseFilter(rules.preset.filter);
  const matches = compileFilter(filter);
  const reads = attributesRead(filter, rules);
  const base = foldDn(settings.base);
  return createTextSource(settings.name, rules, open, async function* (text, file) {
    const others = settings.filter === "" && asksByClass(rules) ? collectUnasked(rules) : undefined;
    let entries: Entry[] = [];
    let passed = 0;
    for await (const entry of parseLdif(text, file, reads)) {
      if (!isBelow(foldDn(entry.dn), base)) {
        continue;
      }
      others?.take(entry);
      if (matches(entry)) {
        passed += 1;
        entries.push(entry);
      }
      if (entries.length === batchSize) {
        yield convertEntries(entries, rules);
        entries = [];
      }
    }
    yield convertEntries(entries, rules);
    const hints = others === undefined ? [] : filterHints(others.found, passed);
    if (hints.length > 0) {
      yield { entries: 0, found: [], skipped: {}, hints };
    }
  });
}

/** What of an entry plays a part, so that nothing else can fail the run; undefined: everything. */
function attributesRead(filter: Filter, { preset }: Rules): ReadonlySet<string> | undefined {
  const asked = attributesOf(filter)?.flatMap((name) => namesOf(name.split(";", 1)[0] ?? name) ?? []);
  const named = [...preset.addresses, ...preset.exclusions, ...preset.rules].map(({ attribute }) => attribute);
  return asked === undefined ? undefined : new Set(["objectclass", ...asked, ...named]);
}
