/** Client rules and the password file are UTF-8: a Latin-1 file is refused at its line and column. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { parsePasswords } from "../../src/auth/backends/passwords.ts";
import { readRules } from "../../src/compose/client-rules.ts";

const folder = mkdtempSync(join(tmpdir(), "goodmailto-encoding-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a file in Latin-1", () => {
  it("is refused as client rules, at its line and column", () => {
    const path = join(folder, "tcp.smtp");
    writeFileSync(path, Buffer.from('127.:allow\n192.0.2.1:allow,NAME="B\u00fcro"\n', "latin1"));
    expect(() => readRules(path)).toThrow(/tcp\.smtp:2:24: the byte 0xfc, "\u00fc" in Latin-1, is not UTF-8/);
    writeFileSync(path, '127.:allow\n192.0.2.1:allow,NAME="B\u00fcro"\n');
    expect(readRules(path).gives("NAME")).toBe(true);
  });

  it("is refused as a password file, at its line and column", () => {
    const { users, faults } = parsePasswords(Buffer.from("# users\nj\u00fcrgen:x\n", "latin1"));
    expect(users.size).toBe(0);
    expect(faults).toEqual([{ line: 2, message: expect.stringMatching(/^column 2: the byte 0xfc/) }]);
  });
});
