/** Signed snapshots: only what the right hand signed is opened, and nothing older than what was there. */
import { generateKeyPairSync } from "node:crypto";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createDomains } from "../../src/mail/domains.ts";
import { ContentHash } from "../../src/snapshot/content-hash.ts";
import { sealOffset, sealWithin } from "../../src/snapshot/format.ts";
import { inspectBytes } from "../../src/snapshot/inspect.ts";
import { inFile } from "../../src/snapshot/newest.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import type { ReaderOptions } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { inspectSignature, parsePublicKeys, signatureOffset } from "../../src/snapshot/signature.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import type { Protection } from "../../sync/publish/protect.ts";
import { addresses, listSource, mailbox, memoryLog, publish, temporaryFolder } from "./fixture.ts";

interface Hand {
  readonly protection: Protection;
  readonly publicKey: string;
}

function hand(): Hand {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    protection: { ...unprotected, signer: privateKey },
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

const ours = hand();
const stranger = hand();
const trust = { ...plainTrust, publicKeys: [ours.publicKey] };
const start = Date.parse("2026-11-01T00:00:00Z");

async function make(path: string, count: number, by: Hand | "nobody" = ours, at = start): Promise<void> {
  await publish(path, [listSource("list", addresses(count))], {
    protection: by === "nobody" ? unprotected : by.protection,
    now: () => at,
    acceptShrink: true,
  });
}

function open(path: string, options: ReaderOptions = {}) {
  const log = memoryLog();
  const reader = openSnapshot(path, log, { trust, ...options });
  const domains = createDomains(["kontor.example"]);
  const { find } = createRecipients(reader, domains, { match: "address", always: [], recipient_delimiter: "" });
  return { reader, log, ask: (text: string) => find(mailbox(`${text}@kontor.example`)).kind };
}

/** Why the bytes of a file are not what the trusted key signed. */
function signatureFlaw(bytes: Buffer): string | undefined {
  const head = bytes.subarray(0, sealWithin);
  const hash = new ContentHash(head, true);
  hash.update(bytes.subarray(head.length));
  return inspectSignature(head, hash.signed(), trust.publicKeys);
}

describe("a signed snapshot", () => {
  it("is opened with the right key, and by whoever asks for none", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await make(path, 5);
    for (const options of [
      { trust },
      { trust: plainTrust },
      { trust: { ...trust, publicKeys: [stranger.publicKey, ours.publicKey] } },
    ]) {
      const { reader, ask } = open(path, options);
      expect([ask("a1"), ask("a9")]).toEqual(["known", "unknown"]);
      reader.close();
    }
  });

  it.each([
    ["unsigned", "nobody", "not signed"],
    ["signed by a stranger", stranger, "another key"],
  ] as const)("is refused where it is %s, while the one before goes on serving", async (_, by, why) => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    await make(path, 5);
    const { reader, ask, log } = open(path);
    const other = join(folder, "other.sqlite");
    await make(other, 9, by, start + 1000);
    copyFileSync(other, path);
    await reader.check();
    expect(reader.state).toMatchObject({ kind: "open", alarm: expect.stringContaining(why) as string });
    expect([ask("a4"), ask("a5")]).toEqual(["known", "unknown"]);
    expect(log.lines.at(-1)).toMatchObject({ level: "error", fields: { why: "wrong signature" } });
    reader.close();
    const fresh = open(path);
    expect(fresh.reader.state).toMatchObject({ kind: "unavailable", why: "wrong signature" });
    expect(fresh.ask("a8")).toBe("unavailable");
    fresh.reader.close();
  });

  it("is refused whichever byte is altered, even where the seal is made good again", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await make(path, 50);
    const good = readFileSync(path);
    expect(inspectBytes(good, trust)).toBeUndefined();
    const seal = sealOffset(good);
    const property = fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      expect(inspectBytes(bytes, trust)).toBeDefined();
      // The seal is not a secret: whoever alters the file can compute it. Only its own digits are not signed.
      const inSeal = at >= seal && at < seal + 64;
      expect(signatureFlaw(bytes) === undefined && !inSeal).toBe(false);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it("never throws over any bytes", () => {
    const head = Buffer.from(`signature${"0".repeat(128)}`);
    const property = fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (tail, slot) => {
      const bytes = Buffer.concat([slot ? head : Buffer.alloc(0), tail]);
      expect(signatureFlaw(bytes)).toBeTypeOf("string");
      expect(signatureOffset(bytes)).toBe(slot ? 9 : -1);
    });
    fc.assert(property, { numRuns: 300 });
  });

  it("is refused where it is older than what was served, until a newer one comes", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    const old = join(folder, "old.sqlite");
    await make(old, 9, ours, start);
    await make(path, 5, ours, start + 60_000);
    const { reader, ask, log } = open(path);
    copyFileSync(old, path);
    await reader.check();
    expect(reader.state).toMatchObject({ kind: "open", alarm: expect.stringContaining("older") as string });
    expect(ask("a8")).toBe("unknown");
    expect(log.lines.at(-1)).toMatchObject({ level: "error", fields: { why: "older" } });
    // Removed: the relay opens, and an old file still does not close it.
    rmSync(path);
    await reader.check();
    expect(ask("a8")).toBe("unavailable");
    copyFileSync(old, path);
    await reader.check();
    expect(reader.state).toMatchObject({ kind: "unavailable", why: "older" });
    expect(ask("nobody")).toBe("unavailable");
    await make(join(folder, "new.sqlite"), 9, ours, start + 120_000);
    copyFileSync(join(folder, "new.sqlite"), path);
    await reader.check();
    expect([ask("a8"), ask("nobody")]).toEqual(["known", "unknown"]);
    reader.close();
  });

  it("is refused as older after a restart too, where newest_file remembers", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    const told: string[] = [];
    const memory = () => inFile(join(folder, "newest"), (why) => told.push(why));
    await make(path, 5, ours, start);
    copyFileSync(path, join(folder, "old.sqlite"));
    await make(path, 6, ours, start + 1000);
    open(path, { newest: memory() }).reader.close();
    copyFileSync(join(folder, "old.sqlite"), path);
    const second = open(path, { newest: memory() });
    expect(second.reader.state).toMatchObject({ kind: "unavailable", why: "older" });
    second.reader.close();
    const forgetful = open(path);
    expect(forgetful.reader.state.kind).toBe("open");
    forgetful.reader.close();
    expect(told).toEqual([]);
    writeFileSync(join(folder, "newest"), "not a time");
    const third = open(path, { newest: memory() });
    expect(third.reader.state.kind).toBe("open");
    third.reader.close();
  });

  it("says when newest_file cannot be written, and serves all the same", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    await make(path, 5);
    const told: string[] = [];
    const { reader } = open(path, { newest: inFile(join(folder, "missing", "newest"), (why) => told.push(why)) });
    expect(reader.state.kind).toBe("open");
    expect(told.join()).toContain("ENOENT");
    reader.close();
  });

  it("gets a time after the one before although the clock was set back", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await make(path, 5, ours, start);
    const { reader, ask } = open(path);
    await make(path, 6, ours, start - 3_600_000);
    await reader.check();
    expect(reader.state).toMatchObject({ kind: "open", created: start + 1 });
    expect(ask("a5")).toBe("known");
    reader.close();
  });

  it("is judged in a thread as well", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    await make(path, 5);
    const { reader, ask } = open(path, { threadAbove: 0 });
    await make(join(folder, "other.sqlite"), 9, stranger, start + 1000);
    copyFileSync(join(folder, "other.sqlite"), path);
    await reader.check();
    expect(reader.state).toMatchObject({ alarm: expect.stringContaining("wrong signature") as string });
    await make(join(folder, "good.sqlite"), 9, ours, start + 1000);
    copyFileSync(join(folder, "good.sqlite"), path);
    await reader.check();
    expect(reader.state).not.toHaveProperty("alarm");
    expect(ask("a8")).toBe("known");
    reader.close();
  });
});

describe("parsePublicKeys()", () => {
  it("reads several keys, and refuses one of another kind", () => {
    expect(parsePublicKeys(`# ours\n${ours.publicKey}\n${stranger.publicKey}`)).toHaveLength(2);
    expect(parsePublicKeys("")).toEqual([]);
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(() => parsePublicKeys(publicKey.export({ type: "spki", format: "pem" }).toString())).toThrow(/Ed25519/);
  });
});
