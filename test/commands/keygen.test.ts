/** `goodmailto keygen --dkim`: a key for one side, a record for the other; others verify what it signs. */
import { spawnSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { dkimVerify } from "mailauth";
import type { DNSResolver } from "mailauth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { digestOf, signatureField } from "../../src/dkim/signature.ts";
import { main } from "../program.ts";

describe("goodmailto keygen --dkim", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-keygen-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (...words: string[]) => {
    const options = { encoding: "utf8", timeout: 30_000 } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, "keygen", ...words], options);
    return { status, stdout, stderr };
  };

  it.each(["rsa", "ed25519"])(
    "writes a %s key for its owner alone, and prints the record that fits it",
    async (kind) => {
      const file = join(folder, `${kind}.pem`);
      const words = ["--dkim", "--domain", "Kontor.Example", "--selector", "mail2026", "--algorithm", kind, file];
      const { status, stdout } = run(...words);
      expect([status, (statSync(file).mode & 0o777).toString(8)]).toEqual([0, "600"]);
      const [comment, record = ""] = stdout.split("\n");
      expect(comment).toBe(`; ${file}: private key, for the relay: [[checks.dkimsign.key]] key_file`);
      const [, strings = ""] = /^mail2026\._domainkey\.kontor\.example\. IN TXT \( (.*) \)$/.exec(record) ?? [];
      const parts = [...strings.matchAll(/"([^"]*)"/g)].map(([, text = ""]) => text);
      expect(parts.every(({ length }) => length <= 255)).toBe(true);
      const key = createPrivateKey(readFileSync(file));
      expect(key.asymmetricKeyDetails?.modulusLength).toBe(kind === "rsa" ? 2048 : undefined);
      const letter = "From: a@kontor.example\r\n\r\nx\r\n";
      const content = (async function* () {
        yield Buffer.from(letter);
      })();
      const signing = { domain: "kontor.example", selector: "mail2026", key };
      const signature = await signatureField(signing, await digestOf(content), Date.now());
      const resolver: DNSResolver = async () => [parts];
      const { results } = await dkimVerify(`${signature}\r\n${letter}`, { resolver, strict: true });
      expect(results.map((result) => result.status.result)).toEqual(["pass"]);
    },
  );

  it("overwrites nothing", () => {
    const file = join(folder, "mine");
    writeFileSync(file, "mine");
    const { status, stdout, stderr } = run("--dkim", "--domain", "a.example", "--selector", "s", file);
    expect([status, stdout, readFileSync(file, "utf8")]).toEqual([69, "", "mine"]);
    expect(stderr).toContain("EEXIST");
  });

  it.each<[string, string[], RegExp]>([
    ["no domain", ["--dkim", "--selector", "s"], /--dkim needs --domain and --selector/],
    ["no selector", ["--dkim", "--domain", "a.example"], /--dkim needs --domain and --selector/],
    [
      "a domain that is none",
      ["--dkim", "--domain", "a..b", "--selector", "s"],
      /--domain must be a domain, not "a\.\.b"/,
    ],
    ["a selector that is none", ["--dkim", "--domain", "a.b", "--selector", "s;x"], /--selector must be .*, not "s;x"/],
    ["a domain without --dkim", ["--domain", "a.example"], /need --dkim/],
    ["two kinds", ["--dkim", "--hmac", "--domain", "a.b", "--selector", "s"], /cannot be used with/],
    ["another algorithm", ["--dkim", "--domain", "a.b", "--selector", "s", "--algorithm", "dsa"], /rsa, ed25519/],
  ])("says what is wrong, and writes nothing: %s", (_, words, why) => {
    const file = join(folder, "none");
    const { status, stderr } = run(...words, file);
    expect([status, existsSync(file)]).toEqual([2, false]);
    expect(stderr).toMatch(why);
  });
});
