import { Buffer } from "node:buffer";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { schemaFor } from "../../src/compose/settings.ts";
import { decode } from "../../src/config/config-text.ts";
import { loadConfig } from "../../src/config/load.ts";
import { formatFault } from "../../src/config/toml.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "goodmailto-encoding-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function faultsOf(bytes: Uint8Array): string[] {
  const file = join(folder, "c.toml");
  writeFileSync(file, bytes);
  const loaded = loadConfig(file, schemaFor, []);
  return loaded.kind === "ok" ? [] : loaded.faults.map((fault) => formatFault(fault).replace(`${folder}/`, ""));
}

const source =
  '[[source]]\nname = "a"\ntype = "ldap"\nurl = "ldap://127.0.0.1"\nbase = "ou=Größe und Geschäftsleitung"\n';

describe("the encoding of the configuration", () => {
  it("is UTF-8, with or without a byte order mark", () => {
    expect(faultsOf(Buffer.from(source, "utf8"))).toEqual([]);
    expect(faultsOf(Buffer.from(`\uFEFF${source}`, "utf8"))).toEqual([]);
  });

  it("is not Latin-1: line, column, byte and letter of the first wrong one are named", () => {
    expect(faultsOf(Buffer.from(source, "latin1"))).toEqual([
      'c.toml:5:14: the byte 0xf6, "ö" in Latin-1, is not UTF-8; save the file as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)',
    ]);
  });

  it.each([
    ["half a letter at the end", Buffer.from([0x23, 0x20, 0xc3]), /^c\.toml:1:3: the byte 0xc3/],
    [
      "a letter of three bytes after those of four and two",
      Buffer.from("# 😀ä\n# ä\x80", "utf8").subarray(0, -1),
      /^c\.toml:2:4: the byte 0xc2/,
    ],
    ["an overlong form", Buffer.from([0x23, 0x0a, 0xc0, 0xaf]), /^c\.toml:2:1: the byte 0xc0/],
  ])("is not %s", (_, bytes, fault) => {
    expect(faultsOf(bytes)).toEqual([expect.stringMatching(fault)]);
  });

  it("is not UTF-16, which is called by its name", () => {
    const utf16 = "c.toml:1:1: is UTF-16; save the file as UTF-8";
    expect(faultsOf(Buffer.from(`\uFEFF${source}`, "utf16le"))).toEqual([utf16]);
    expect(faultsOf(Buffer.from(`\uFEFF${source}`, "utf16le").swap16())).toEqual([utf16]);
    expect(faultsOf(Buffer.from(source, "utf16le"))).toEqual([utf16]);
  });

  it("is looked at in a file of sensible size only; a folder or a missing file is called so", () => {
    expect(faultsOf(Buffer.alloc(5_000_000, "#"))).toEqual([
      expect.stringMatching(/has 5000000 bytes; .* at most 4 MiB/),
    ]);
    mkdirSync(join(folder, "d"));
    expect(loadConfig(join(folder, "d"), schemaFor, [])).toMatchObject({
      faults: [{ message: "cannot be read: it is a folder (EISDIR)" }],
    });
    expect(loadConfig(join(folder, "none"), schemaFor, [])).toMatchObject({
      faults: [{ message: "cannot be read: there is no such file (ENOENT); name yours with --config FILE" }],
    });
  });

  it("never makes the reader throw, and what it takes is what was written", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const read = decode(Buffer.from(bytes));
        if (typeof read === "string") {
          expect(Buffer.from(read, "utf8").equals(bytes)).toBe(true);
        } else {
          expect(read.line).toBeGreaterThan(0);
          expect(read.column).toBeGreaterThan(0);
        }
      }),
    );
  });
});
