import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refuseAuthorities } from "../../src/files/authorities.ts";
import { readCertificates, readPassword } from "../../sync/sources/secrets.ts";

describe("the password file", () => {
  let folder: string;
  let credentials: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gmto-secrets-"));
    credentials = join(folder, "credentials");
    await mkdir(credentials);
    await writeFile(join(folder, "password"), "\uFEFF beside \r\nsecond\n");
    await writeFile(join(folder, "only"), "only beside");
    await writeFile(join(credentials, "password"), "from systemd\n");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is its first line, blanks and all", async () => {
    expect(await readPassword("password", folder, undefined)).toBe(" beside ");
    expect(await readPassword(join(folder, "password"), "/nowhere", credentials)).toBe(" beside ");
  });

  it("is looked for among systemd's credentials first, then beside the configuration file", async () => {
    expect(await readPassword("password", folder, credentials)).toBe("from systemd");
    expect(await readPassword("only", folder, credentials)).toBe("only beside");
  });

  it("is a fault where it is not there, and names the places", async () => {
    await expect(readPassword("none", folder, credentials)).rejects.toMatchObject({
      reason: "unreadable",
      message: expect.stringContaining(`"${join(folder, "none")}"`),
    });
  });

  it("is not replaced by another one where it cannot be read", async () => {
    await mkdir(join(credentials, "only-a-folder"));
    await writeFile(join(folder, "only-a-folder"), "beside");
    await expect(readPassword("only-a-folder", folder, credentials)).rejects.toMatchObject({ reason: "unreadable" });
  });

  it("is refused where it is empty or far too large", async () => {
    await writeFile(join(folder, "empty"), "");
    await expect(readPassword("empty", folder, undefined)).rejects.toMatchObject({ reason: "bind" });
    await writeFile(join(folder, "large"), Buffer.alloc(5 * 1024 * 1024, "x"));
    await expect(readPassword("large", folder, undefined)).rejects.toMatchObject({ reason: "unreadable" });
  });

  it("is no CA file", async () => {
    expect(await readCertificates("", folder)).toBeUndefined();
    await expect(readCertificates("password", folder)).rejects.toMatchObject({ reason: "unreadable" });
  });
});

describe("the file of authorities", () => {
  it.each([
    ["-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", /holds a private key/],
    ["-----BEGIN EC PRIVATE KEY-----\nMC4=\n-----END EC PRIVATE KEY-----\n", /holds a private key/],
    ["-----BEGIN CERTIFICATE REQUEST-----\nMC4=\n-----END CERTIFICATE REQUEST-----\n", /holds no PEM certificate/],
    ["0\u0082", /openssl x509 -inform der/],
    ["-----BEGIN CERTIFICATE-----\nMC4=\n-----END CERTIFICATE-----\n", /cannot be read, number 1/],
  ])("is refused where it is %j", (text, why) => {
    expect(refuseAuthorities(text)).toMatch(why);
  });

  it("may hold the system's authorities", () => {
    expect(refuseAuthorities(rootCertificates.join("\n"))).toBeUndefined();
  });
});
