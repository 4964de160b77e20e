/** The one place that knows systemd's credentials. */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { credentialFor, secretPath, secretPlaces } from "../../src/files/credentials.ts";

let folder: string;
const before = process.env["CREDENTIALS_DIRECTORY"];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gmto-credentials-"));
  mkdirSync(join(folder, "given"));
  writeFileSync(join(folder, "given/both"), "given");
  writeFileSync(join(folder, "both"), "beside");
  writeFileSync(join(folder, "own"), "beside");
  process.env["CREDENTIALS_DIRECTORY"] = join(folder, "given");
});
afterEach(() => {
  if (before === undefined) {
    delete process.env["CREDENTIALS_DIRECTORY"];
  } else {
    process.env["CREDENTIALS_DIRECTORY"] = before;
  }
  rmSync(folder, { recursive: true });
});

describe("a file with a secret", () => {
  it("is a credential first, then a file beside the configuration", () => {
    expect(secretPath("both", folder)).toBe(join(folder, "given/both"));
    expect(secretPath("own", folder)).toBe(join(folder, "own"));
    expect(secretPath("missing", folder)).toBe(join(folder, "missing"));
    expect(secretPath(join(folder, "both"), folder)).toBe(join(folder, "both"));
  });

  it("is a credential by its last name where the path is settled", () => {
    expect(credentialFor(join(folder, "both"))).toBe(join(folder, "given/both"));
    expect(credentialFor(join(folder, "own"))).toBeUndefined();
    expect(credentialFor(join(folder, "given/both"))).toBeUndefined();
  });

  it("is no credential where systemd gives none", () => {
    for (const none of [undefined, ""]) {
      if (none === undefined) {
        delete process.env["CREDENTIALS_DIRECTORY"];
      } else {
        process.env["CREDENTIALS_DIRECTORY"] = none;
      }
      expect(secretPlaces("both", folder)).toEqual([join(folder, "both")]);
      expect(credentialFor(join(folder, "both"))).toBeUndefined();
    }
  });

  it("is looked for by one file of the source alone", () => {
    const root = join(import.meta.dirname, "../..");
    const asking = globSync("{src,sync}/**/*.ts", { cwd: root }).filter((path) =>
      /env\["CREDENTIALS_DIRECTORY"\]|env\.CREDENTIALS_DIRECTORY/.test(readFileSync(join(root, path), "utf8")),
    );
    expect(asking).toEqual(["src/files/credentials.ts"]);
  });
});
