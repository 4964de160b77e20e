import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { isCertificateName, makeSelfSigned } from "../../src/auth/self-signed.ts";
import { missing } from "../fakes/need.ts";
import { main } from "../program.ts";

const run = promisify(execFile);

describe("self-signed certificate", () => {
  it("names every host and address and fits its key", () => {
    const names = ["mx.example", "*.kontor.example", "192.0.2.1", "2001:db8::25", "::ffff:192.0.2.2"];
    const { certificate, key } = makeSelfSigned(names, { from: new Date("2026-01-02T03:04:05Z"), days: 365 });
    const parsed = new X509Certificate(certificate);
    expect(parsed.subject).toBe("CN=mx.example");
    expect(parsed.subjectAltName).toBe(
      "DNS:mx.example, DNS:*.kontor.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:25, IP Address:0:0:0:0:0:FFFF:C000:202",
    );
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.ca).toBe(true);
    expect(parsed.checkHost("mail.kontor.example")).toBe("*.kontor.example");
    expect([parsed.validFrom, parsed.validTo]).toEqual(["Jan  2 03:04:05 2026 GMT", "Jan  2 03:04:05 2027 GMT"]);
    expect(key).toContain("PRIVATE KEY");
  });

  it("crosses the year 2050 and holds long names", () => {
    const long = `${Array.from({ length: 4 }, () => "a".repeat(60)).join(".")}.test`;
    const { certificate } = makeSelfSigned([long, ...Array.from({ length: 40 }, (_, i) => `${i}.${long.slice(3)}`)], {
      from: new Date("2049-06-01T00:00:00Z"),
      days: 9999,
    });
    const parsed = new X509Certificate(certificate);
    expect(parsed.checkHost(long)).toBe(long);
    expect(parsed.validToDate.getUTCFullYear()).toBe(2076);
  });

  it("makes a certificate for every name that it calls a name, and for nothing else", () => {
    const from = new Date();
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.string({ maxLength: 80 })), (name) => {
        if (isCertificateName(name)) {
          const parsed = new X509Certificate(makeSelfSigned([name], { from, days: 1 }).certificate);
          expect(parsed.verify(parsed.publicKey)).toBe(true);
          expect(parsed.subjectAltName).toMatch(/^(DNS|IP Address):\S+$/);
        } else {
          expect(() => makeSelfSigned([name], { from, days: 1 })).toThrow(RangeError);
        }
      }),
      { numRuns: 200 },
    );
    expect(isCertificateName("a,DNS:evil.test")).toBe(false);
    expect(isCertificateName("")).toBe(false);
  });
});

describe("goodmailto tls self-signed", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-tls-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const make = async (...words: string[]): Promise<{ code: number; errors: string }> => {
    const { promise, resolve } = Promise.withResolvers<{ code: number; errors: string }>();
    const all = [main, "tls", "self-signed", ...words];
    execFile(process.execPath, all, { cwd: folder }, (error, _output, errors) =>
      resolve({ code: error === null ? 0 : Number(error.code), errors }),
    );
    return await promise;
  };

  it.skipIf(missing("openssl"))("writes a pair that openssl takes, the key for its owner alone", async () => {
    expect(await make("--name", "mx.example", "--cert", "cert.pem", "--key", "key.pem")).toEqual({
      code: 0,
      errors: "",
    });
    expect(statSync(join(folder, "key.pem")).mode & 0o777).toBe(0o600);
    const files = { cwd: folder };
    const verify = await run(
      "openssl",
      ["verify", "-x509_strict", "-CAfile", "cert.pem", "-verify_hostname", "mx.example", "cert.pem"],
      files,
    );
    expect(verify.stdout).toBe("cert.pem: OK\n");
    const [ofKey, ofCertificate] = await Promise.all([
      run("openssl", ["pkey", "-in", "key.pem", "-pubout"], files),
      run("openssl", ["x509", "-in", "cert.pem", "-noout", "-pubkey"], files),
    ]);
    expect(ofKey.stdout).toBe(ofCertificate.stdout);
  });

  it("overwrites nothing unless it is told to, and leaves no half pair", async () => {
    writeFileSync(join(folder, "there.pem"), "mine");
    const refused = await make("--name", "mx.example", "--cert", "there.pem", "--key", "new.key");
    expect(refused).toEqual({ code: 69, errors: expect.stringContaining("--force") });
    expect(readFileSync(join(folder, "there.pem"), "utf8")).toBe("mine");
    expect(() => statSync(join(folder, "new.key"))).toThrow("ENOENT");
    expect((await make("--name", "mx.example", "--cert", "there.pem", "--key", "new.key", "--force")).code).toBe(0);
    expect(readFileSync(join(folder, "there.pem"), "utf8")).toContain("BEGIN CERTIFICATE");
    expect((await make("--name", "a b", "--cert", "x", "--key", "y")).code).toBe(2);
    expect((await make("--name", "mx.example", "--cert", "x", "--key", "y", "--days", "0")).code).toBe(2);
  });
});
