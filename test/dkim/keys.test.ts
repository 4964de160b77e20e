/** Keys of DKIM: read, read again, looked for, and what is none. */
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { DomainKeys } from "../../src/dkim/keys.ts";
import { keyRecord, makeKey } from "../../src/dkim/signing-key.ts";
import { Clock } from "../checks/fixture.ts";

const [one, two] = [makeKey("ed25519"), makeKey("ed25519")];

describe("keys of DKIM", () => {
  let folder: string;
  let clock: Clock;
  let faults: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-dkim-"));
    clock = new Clock();
    faults = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const start = (named: ConstructorParameters<typeof DomainKeys>[0] = []): DomainKeys =>
    new DomainKeys(named, { path: folder, selector: "test" }, clock.now, (path, why) => faults.push(`${path}: ${why}`));
  /** The published form of the keys of a domain, a second later. */
  const recordsOf = (keys: DomainKeys, domain = "a.example"): string[] => {
    clock.time += 1000;
    return keys
      .of(domain)
      .map(({ key, selector }) => `${selector} ${keyRecord(key.export({ type: "pkcs8", format: "pem" }).toString())}`);
  };
  const file = (name = "a.example.private"): string => join(folder, name);

  it("takes a key that appears and one that changes, and keeps it while the file is gone, no key or a folder", () => {
    const keys = start();
    expect(recordsOf(keys)).toEqual([]);
    writeFileSync(file(), one);
    expect(recordsOf(keys)).toEqual([`test ${keyRecord(one)}`]);
    writeFileSync(file(), "no key at all");
    expect(recordsOf(keys)).toEqual([`test ${keyRecord(one)}`]);
    rmSync(file());
    expect(recordsOf(keys)).toEqual([`test ${keyRecord(one)}`]);
    mkdirSync(file());
    expect(recordsOf(keys)).toEqual([`test ${keyRecord(one)}`]);
    rmSync(file(), { recursive: true });
    writeFileSync(file(), two);
    expect(recordsOf(keys)).toEqual([`test ${keyRecord(two)}`]);
    // Each cause once, however often it is looked at.
    expect(faults.map((line) => line.replaceAll(folder, ""))).toEqual([
      expect.stringMatching(/ENOENT/),
      expect.stringMatching(/not a private key in PEM/),
      expect.stringMatching(/ENOENT/),
      expect.stringMatching(/not a plain file/),
    ]);
    recordsOf(keys);
    expect(faults).toHaveLength(4);
  });

  it.each<[string, string, RegExp]>([
    [
      "a public key",
      generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString(),
      /PEM/,
    ],
    [
      "a key with a password",
      generateKeyPairSync("ed25519")
        .privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
        .toString(),
      /without a password/,
    ],
    [
      "a short RSA key",
      generateKeyPairSync("rsa", { modulusLength: 768 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      /at least 1024 bits/,
    ],
    [
      "a key of another kind",
      generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      /allowed are/,
    ],
    ["nothing", "", /PEM/],
    ["70,000 octets", "x".repeat(70_000), /at most/],
  ])("does not take %s", (_, text, why) => {
    writeFileSync(file(), text);
    expect(recordsOf(start())).toEqual([]);
    expect(faults).toEqual([expect.stringMatching(why)]);
    expect(faults.join("")).not.toMatch(/BEGIN|xxx/);
  });

  it("reads the old form of RSA keys", () => {
    const pem = generateKeyPairSync("rsa", { modulusLength: 1024 })
      .privateKey.export({ type: "pkcs1", format: "pem" })
      .toString();
    writeFileSync(file(), pem);
    expect(recordsOf(start())).toEqual([`test ${keyRecord(pem)}`]);
  });

  it("takes several named keys of a domain, and then none of the folder", () => {
    writeFileSync(file(), one);
    writeFileSync(file("one"), one);
    writeFileSync(file("two"), two);
    const keys = start([
      { domain: "a.example", selector: "s1", path: file("one") },
      { domain: "a.example", selector: "s2", path: file("two") },
    ]);
    expect(recordsOf(keys)).toEqual([`s1 ${keyRecord(one)}`, `s2 ${keyRecord(two)}`]);
  });

  it("prefers a credential of the same name", () => {
    writeFileSync(file("key.pem"), one);
    mkdirSync(file("credentials"));
    writeFileSync(file("credentials/key.pem"), two);
    process.env["CREDENTIALS_DIRECTORY"] = file("credentials");
    try {
      const keys = start([{ domain: "b.example", selector: "s", path: file("key.pem") }]);
      expect(recordsOf(keys, "b.example")).toEqual([`s ${keyRecord(two)}`]);
    } finally {
      delete process.env["CREDENTIALS_DIRECTORY"];
    }
  });

  it("looks in no folder for an address literal", () => {
    writeFileSync(file("[127.0.0.1].private"), one);
    expect([recordsOf(start(), "[127.0.0.1]"), faults]).toEqual([[], []]);
  });
});
