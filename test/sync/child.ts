/**
 * A process that syncs lists in memory, to be killed: `child.ts PATH once|forever|hold ROWS`.
 * `forever` syncs generation after generation, each with its number in every address; `hold` waits in its source.
 */
import { silentLog } from "../../src/report/log.ts";
import type { Key } from "../../src/mail/address.ts";
import { runSync } from "../../sync/run/full.ts";
import type { Source } from "../../sync/source.ts";

const [path = "", mode = "once", rows = "100"] = process.argv.slice(2);

function source(generation: number, count: number): Source {
  return {
    name: "list",
    domains: [],
    async *read() {
      process.stdout.write(`reading ${generation}\n`);
      if (mode === "hold") {
        await new Promise((resolve) => process.stdin.once("data", resolve));
      }
      for (let at = 0; at < count; at += 500) {
        const size = Math.min(500, count - at);
        const found = Array.from({ length: size }, (_, offset) => ({
          key: `g${generation}.${at + offset}@kontor.example` as Key,
          kind: "account" as const,
          entry: `CN=${at + offset}`,
        }));
        yield { entries: size, found, skipped: {} };
      }
    },
  };
}

for (let generation = 1; ; generation += 1) {
  const outcome = await runSync({
    sources: [source(generation, Number(rows))],
    settings: { max_shrink: 1, keep: 2 },
    path,
    log: silentLog,
    signal: new AbortController().signal,
    now: Date.now,
    version: "0",
  });
  process.stdout.write(`${outcome.kind}${"why" in outcome ? ` ${outcome.why}` : ""}\n`);
  if (mode !== "forever") {
    process.exitCode = outcome.kind === "published" ? 0 : 75;
    process.stdin.destroy();
    break;
  }
}
