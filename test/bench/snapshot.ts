/**
 * Publishing and looking up, measured: `node test/bench/snapshot.ts [recipients] [folder]`. Not a test. Prints seconds,
 * the peak of memory, and lookups a second.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { normalKey, parseMailbox } from "../../src/mail/address.ts";
import type { Mailbox } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { runSync } from "../../sync/run/full.ts";
import type { FoundAddress, Source } from "../../sync/source.ts";

const total = Number(process.argv[2] ?? 1_000_000);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), "bench-"));
const path = join(folder, "snapshot.sqlite");
const domain = "kontor.example";

/** Spreads the numbers, so that rows do not come sorted. */
function userOf(index: number): string {
  return `user.${String((index * 7919) % total).padStart(8, "0")}`;
}

const source: Source = {
  name: "bench",
  domains: [],
  async *read() {
    for (let at = 0; at < total; at += 1000) {
      const found = Array.from({ length: Math.min(1000, total - at) }, (_, offset): FoundAddress => {
        const user = userOf(at + offset);
        return { key: normalKey(user, domain), kind: "account", entry: `CN=${user},OU=Sales,O=Kontor` };
      });
      yield { entries: found.length, found, skipped: {} };
    }
  },
};

async function publish(label: string): Promise<void> {
  const started = performance.now();
  const outcome = await runSync({
    sources: [source],
    settings: { max_shrink: 0.1, keep: 1 },
    path,
    log: silentLog,
    signal: new AbortController().signal,
    now: Date.now,
    version: "bench",
  });
  report(label, started, `${outcome.kind}, peak RSS ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
}

function report(label: string, started: number, rest: string): void {
  process.stdout.write(`${label}: ${((performance.now() - started) / 1000).toFixed(2)} s, ${rest}\n`);
}

function measureLookups(label: string, mailboxes: readonly Mailbox[], find: (mailbox: Mailbox) => unknown): void {
  const count = 500_000;
  const started = performance.now();
  for (let index = 0; index < count; index += 1) {
    find(mailboxes[index % mailboxes.length] as Mailbox);
  }
  const seconds = (performance.now() - started) / 1000;
  report(label, started, `${Math.round(count / seconds / 1000)}k lookups/s`);
}

try {
  await publish(`first sync of ${total}`);
  await publish("second sync, compared with the first");
  let started = performance.now();
  const reader = openSnapshot(path, silentLog);
  report("open", started, `${Math.round(statSync(path).size / 1e6)} MB`);
  await publish("third sync");
  let longest = 0;
  let last = performance.now();
  const ticks = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  started = performance.now();
  await reader.check();
  longest = Math.max(longest, performance.now() - last);
  clearInterval(ticks);
  report("swap while serving", started, `longest stall ${Math.round(longest)} ms`);
  const settings = { match: "address", always: ["postmaster"], recipient_delimiter: "+" } as const;
  const { find } = createRecipients(reader, createDomains([domain]), { ...settings, always: [...settings.always] });
  const mailboxes = (suffix: string): Mailbox[] =>
    Array.from({ length: 100_000 }, (_, index) => parseMailbox(`${userOf(index * 31)}${suffix}@${domain}`) as Mailbox);
  measureLookups("known", mailboxes(""), find);
  measureLookups("unknown", mailboxes("x"), find);
  measureLookups("unknown with extension", mailboxes("x+y"), find);
  reader.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
