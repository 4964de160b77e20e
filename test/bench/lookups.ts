/**
 * Lookups of a relay and its memory at growing numbers of addresses. Each step in a process of its own: `node
 * test/bench/lookups.ts build|look SIZE FOLDER` prints one line of JSON.
 */
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { normalKey, parseMailbox } from "../../src/mail/address.ts";
import type { Mailbox } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { Copies } from "../../src/snapshot/copies.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { runSync } from "../../sync/run/full.ts";
import type { FoundAddress, Source } from "../../sync/source.ts";
import { node } from "../end-to-end/scene.ts";
import { figure, table } from "./table.ts";

interface Built {
  /** Seconds to build, check and publish the snapshot, without a directory. */
  readonly build: number;
  readonly fileBytes: number;
}

interface Looked {
  /** Seconds until the relay has it checked and open, of a large one with its copy. */
  readonly open: number;
  readonly residentBytes: number;
  /** µs. */
  readonly known: number;
  readonly unknown: number;
}

/** All addresses are in it. */
export const benchDomain = "kontor.example";

/** Rows for a table. */
export async function measureLookups(folder: string, full: boolean, quick: boolean): Promise<string> {
  const sizes = [10_000, 1_000_000, ...(full ? [10_000_000] : [])].slice(0, quick ? 1 : 3);
  const rows = [["addresses", "known, µs", "unknown, µs", "build s", "file MB", "open s", "resident MB"]];
  for (const size of sizes) {
    const own = await mkdtemp(join(folder, "lookups-"));
    try {
      const { build, fileBytes } = (await inProcess("build", size, own)) as Built;
      const { open, residentBytes, known, unknown } = (await inProcess("look", size, own)) as Looked;
      const cells = [known, unknown, build, fileBytes / 1e6, open, residentBytes / 1e6].map(figure);
      rows.push([size.toLocaleString("en-US"), ...cells]);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  }
  return table(rows);
}

async function inProcess(step: "build" | "look", size: number, folder: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(node, [import.meta.filename, step, String(size), folder], {
    timeout: 900_000,
  });
  return JSON.parse(stdout);
}

function sourceOf(total: number): Source {
  return {
    name: "bench",
    domains: [],
    async *read() {
      for (let at = 0; at < total; at += 1000) {
        const found = Array.from({ length: Math.min(1000, total - at) }, (_, offset): FoundAddress => {
          const user = userOf(at + offset, total);
          return { key: normalKey(user, benchDomain), kind: "account", entry: `CN=${user},O=Kontor` };
        });
        yield { entries: found.length, found, skipped: {} };
      }
    },
  };
}

/** Spreads the numbers, so that rows do not come sorted. */
export function userOf(index: number, total: number): string {
  return `user.${String((index * 7919) % total).padStart(8, "0")}`;
}

/** Median of five runs, in µs. */
function timeOf(mailboxes: readonly Mailbox[], find: (mailbox: Mailbox) => { readonly kind: string }, kind: string) {
  const runs = Array.from({ length: 5 }, () => {
    const started = performance.now();
    for (const mailbox of mailboxes) {
      if (find(mailbox).kind !== kind) {
        throw new Error(`${mailbox.raw} is not ${kind}`);
      }
    }
    return ((performance.now() - started) * 1000) / mailboxes.length;
  });
  return runs.toSorted((a, b) => a - b)[2] ?? Number.NaN;
}

async function build(total: number, path: string): Promise<Built> {
  const started = performance.now();
  const outcome = await runSync({
    sources: [sourceOf(total)],
    settings: { max_shrink: 0.1, keep: 0 },
    path,
    log: silentLog,
    signal: new AbortController().signal,
    now: Date.now,
    version: "bench",
  });
  const seconds = (performance.now() - started) / 1000;
  if (outcome.kind !== "published") {
    throw new Error(`Cannot publish: ${JSON.stringify(outcome)}`);
  }
  return { build: seconds, fileBytes: statSync(path).size };
}

/** As a relay does: a large list is a copy in the folder, and there is a filter before it. */
async function look(total: number, path: string): Promise<Looked> {
  const copies = new Copies(await mkdtemp(join(dirname(path), "copies-")));
  const started = performance.now();
  const reader = openSnapshot(path, silentLog, { copies });
  const open = (performance.now() - started) / 1000;
  await reader.check();
  // Until its filter has been read, or has grown.
  await sleep(1000);
  const settings = { match: "address", always: ["postmaster"], recipient_delimiter: "+" } as const;
  const { find } = createRecipients(reader, createDomains([benchDomain]), {
    ...settings,
    always: [...settings.always],
  });
  const mailboxes = (suffix: string): Mailbox[] =>
    Array.from({ length: 200_000 }, () => {
      const user = userOf(Math.floor(Math.random() * total), total);
      return parseMailbox(`${user}${suffix}@${benchDomain}`) as Mailbox;
    });
  const known = timeOf(mailboxes(""), find, "known");
  const unknown = timeOf(mailboxes("x"), find, "unknown");
  const residentBytes = process.memoryUsage.rss();
  reader.close();
  return { open, residentBytes, known, unknown };
}

if (process.argv[1] === import.meta.filename) {
  const [, , step, total, folder = ""] = process.argv;
  const path = join(folder, "snapshot.sqlite");
  const measures = step === "build" ? await build(Number(total), path) : await look(Number(total), path);
  process.stdout.write(JSON.stringify(measures));
}
