/**
 * A cdb as a source: John Simpson's validrcptto.cdb, as mkvalidrcptto makes it. Keys are addresses, `user-default@domain`
 * for "user-" and anything, and `@domain` for everybody there; a value that begins with "-" refuses its key. Bare keys
 * are left out: there they are valid without a domain only, here in every domain.
 */
import { open } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

import type { SourceSettings } from "../../src/config/schema.ts";
import { Cdb } from "../../src/files/cdb.ts";
import { textOf } from "../../src/mail/octets.ts";
import { isExtension } from "../../src/mail/wildcards.ts";
import { refused } from "../../src/snapshot/format.ts";
import type { Rules } from "../convert/rules.ts";
import { convertValue } from "../convert/values.ts";
import { createLeftOuts, type LeftOuts } from "../left-out.ts";
import type { AddressAttribute } from "../presets/preset.ts";
import { type Batch, type FoundAddress, type Source, SourceFault } from "../source.ts";
import { unreadable } from "./lines.ts";
import { isMissing } from "./secrets.ts";

const batchSize = 1000;
/** A file of more bytes is a mistake: a million addresses have 80 MB. */
const maxSize = 1024 * 1024 * 1024;
const attribute: AddressAttribute = { attribute: "", form: "plain", kind: "account", catchAll: true };

/**
 * A source that reads such a file.
 * @param folder where relative file names begin
 */
export function createCdbSource(settings: SourceSettings, rules: Rules, folder: string): Source {
  return {
    name: settings.name,
    domains: rules.scope.domains,
    async *read(signal) {
      const { bytes, file } = await readFirst(settings.url, folder, signal);
      try {
        yield* readRecords(new Cdb(bytes), file, rules);
      } catch (error) {
        throw error instanceof RangeError
          ? new SourceFault("format", `Cannot read "${file}": ${error.message}`, { cause: error })
          : error;
      }
    },
  };
}

/** The first of the files that exists. @throws SourceFault "unreadable" */
async function readFirst(
  names: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly bytes: Buffer; readonly file: string }> {
  for (const name of names) {
    const file = isAbsolute(name) ? name : join(folder, name);
    try {
      return { bytes: await readWhole(file, signal), file };
    } catch (cause) {
      if (!isMissing(cause) || name === names.at(-1)) {
        throw unreadable(file, cause);
      }
    }
  }
  throw new SourceFault("unreadable", "url names no file");
}

async function readWhole(file: string, signal: AbortSignal): Promise<Buffer> {
  const handle = await open(file);
  try {
    const facts = await handle.stat();
    if (!facts.isFile() || facts.size > maxSize) {
      throw new RangeError(`it is not a plain file of at most ${maxSize / 1_073_741_824} GiB`);
    }
    return await handle.readFile({ signal });
  } finally {
    await handle.close();
  }
}

function* readRecords(cdb: Cdb, file: string, rules: Rules): Generator<Batch> {
  let { batch, out } = emptyBatch();
  for (const { key: octets, value } of cdb.records()) {
    const key = textOf(octets) ?? octets;
    batch.entries += 1;
    convertRecord(key, value.startsWith("-"), `${file}:${key}`, rules, batch.found, out);
    if (batch.entries === batchSize) {
      yield batch;
      ({ batch, out } = emptyBatch());
    }
  }
  yield batch;
}

function convertRecord(
  key: string,
  isRefused: boolean,
  entry: string,
  rules: Rules,
  found: FoundAddress[],
  out: LeftOuts,
): void {
  const leave = out.of(entry, "");
  if (!key.includes("@")) {
    return leave(key, "bare name");
  }
  convertValue(
    key.trim(),
    attribute,
    rules,
    (own, as) => {
      const kind = as === "account" && isExtension(own.slice(0, own.lastIndexOf("@"))) ? "extension" : as;
      found.push({ key: own, kind, entry, ...(isRefused ? refused : {}) });
      if (isRefused) {
        leave(key, "refused there");
      }
    },
    leave,
  );
}

function emptyBatch(): { batch: Batch & { entries: number; found: FoundAddress[] }; out: LeftOuts } {
  const out = createLeftOuts();
  return { batch: { entries: 0, found: [], skipped: out.skipped, left: out.left }, out };
}
