/**
 * What a hashed list costs a lookup, against a plain one: `node test/bench/keyed.ts [recipients]`. Not a test. Prints
 * microseconds of the processor a lookup, the size of the file, and how long signing and verifying take.
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { normalKey, parseMailbox } from "../../src/mail/address.ts";
import type { Mailbox } from "../../src/mail/address.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { inspectBytes } from "../../src/snapshot/inspect.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { runSync } from "../../sync/run/full.ts";
import type { FoundAddress, Source } from "../../sync/source.ts";

const total = Number(process.argv[2] ?? 100_000);
const folder = mkdtempSync(join(tmpdir(), "bench-keyed-"));
const domain = "kontor.example";
const secret = "ab".repeat(32);
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const publicKeys = [publicKey.export({ type: "spki", format: "pem" }).toString()];

const userOf = (index: number): string => `user.${String((index * 7919) % total).padStart(8, "0")}`;

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

function measure(find: (mailbox: Mailbox) => unknown, suffix: string): string {
  const mailboxes = Array.from(
    { length: 50_000 },
    (_, index) => parseMailbox(`${userOf(index * 31)}${suffix}@${domain}`) as Mailbox,
  );
  const count = 200_000;
  // The processor's time: the machine may have other work.
  const started = process.cpuUsage();
  for (let index = 0; index < count; index += 1) {
    find(mailboxes[index % mailboxes.length] as Mailbox);
  }
  const { user, system } = process.cpuUsage(started);
  return `${((user + system) / count).toFixed(1)} µs`;
}

async function bench(label: string, keyed: boolean): Promise<void> {
  const path = join(folder, `${label}.sqlite`);
  const form = keyed ? createKeyedForm(secret, "address") : undefined;
  const started = performance.now();
  const outcome = await runSync({
    sources: [source],
    settings: { max_shrink: 0.1, keep: 0 },
    path,
    log: silentLog,
    signal: new AbortController().signal,
    now: Date.now,
    version: "bench",
    protection: { form, signer: privateKey },
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  const trust = { ...plainTrust, secret: keyed ? secret : undefined };
  const bytes = readFileSync(path);
  const time = (publicKeysToAsk: readonly string[]): number => {
    const from = performance.now();
    inspectBytes(bytes, { ...trust, publicKeys: publicKeysToAsk });
    return performance.now() - from;
  };
  const unverified = time([]);
  const verified = time(publicKeys);
  const reader = openSnapshot(path, silentLog, { trust });
  const settings = { match: "address", always: ["postmaster"], recipient_delimiter: "+" } as const;
  const { find } = createRecipients(reader, createDomains([domain]), { ...settings, always: [...settings.always] });
  measure(find, "");
  const answers = ["", "x", "x+y"].map((suffix) => measure(find, suffix));
  const size = (statSync(path).size / 1e6).toFixed(1);
  process.stdout.write(
    `${label}: ${outcome.kind} in ${seconds} s, ${size} MB, inspected in ${unverified.toFixed(0)} ms, ` +
      `with signature ${verified.toFixed(0)} ms; known ${answers[0]}, unknown ${answers[1]}, with extension ${answers[2]}\n`,
  );
  reader.close();
}

try {
  await bench("plain", false);
  await bench("keyed", true);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
