/** Entries of list files as checks look them up: addresses with what follows, clients, lines with codes. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { readCodeLines } from "../../src/files/code-line.ts";
import { findMailbox, firstWord, readAddresses, readClients } from "../../src/files/entries.ts";
import { openList } from "../../src/files/list-file.ts";
import type { ListEntry, Remark } from "../../src/files/list-reader.ts";
import { parseMailbox } from "../../src/mail/address.ts";

describe("entries of a list file", () => {
  let folder: string;
  let told: string[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-entries-"));
    told = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** What a reader makes of a file. */
  function load<T>(text: string, read: (entries: readonly ListEntry[], skip: Remark, warn: Remark) => T): T {
    const path = join(folder, "list");
    writeFileSync(path, text);
    const fault = (event: string, facts: { readonly fault: string }) =>
      void told.push(`${event}: ${facts.fault.replace(`${path}:`, "")}`);
    return openList(path, { folders: [], now: () => 0, fault }, read).current();
  }

  it("are addresses in normal form, and what follows them", () => {
    const text =
      'Vera@Kontor.Example  is gone \n@MÜNCHEN.test\n"a b"@x.test\tquoted\nvera@kontor.example again\nOtto x\n@@\n';
    const list = load(text, (entries, skip) => readAddresses(entries, skip));
    expect([...list.values()].map(({ key, rest }) => `${key}|${rest}`)).toEqual([
      "vera@kontor.example|is gone",
      "@xn--mnchen-3ya.test|",
      "a b@x.test|quoted",
    ]);
    const cannot = "line left out: LINE: can never match: an entry is user@host or @host";
    expect(told).toEqual(["5", "6"].map((line) => cannot.replace("LINE", line)));
  });

  it("may be bare user parts where the list takes them", () => {
    const list = load("Vera Note\n@x.test\n", (entries, skip) => readAddresses(entries, skip, true));
    expect([...list.keys()]).toEqual(["vera", "@x.test"]);
    expect(told).toEqual([]);
  });

  it("are found for a mailbox: itself, without the tag of a signature, its domain", () => {
    const map = new Map([
      ["vera@x.test", 1],
      ["@x.test", 2],
    ]);
    const find = (address: string) => findMailbox(map, parseMailbox(address) ?? { raw: "", user: "", domain: "" });
    expect(["VERA@x.test", "prvs=0123456789=vera@x.test", "otto@X.TEST", "vera@sub.x.test", "vera"].map(find)).toEqual([
      1,
      1,
      2,
      undefined,
      undefined,
    ]);
  });

  it("are clients; a suspicious one counts and is told of", () => {
    const list = load("192.0.2. office\n192.168\nhost.example\n", readClients);
    expect(["192.0.2.1", "192.168.3.4", "10.0.0.1"].map((ip) => list.find(ip)?.line)).toEqual([1, 2, undefined]);
    expect(told).toEqual([
      'line left out: 3: can never match: an entry is an IP address, a prefix that ends in "." or ":", or a block such as 192.0.2.0/24',
      'line may not mean what it says: 2: "192.168" matches every address that begins with it; end it with "." to match only complete numbers',
    ]);
  });

  it("are lines with a pattern or a text, a code and a text", () => {
    const text = [
      "me@x.test   OK  Accepting mail",
      String.raw`/^user\d+\@x\.test$/ deny`,
      "/(a+)+$/ OK",
      "/a",
      "b@x.test MAYBE",
      "c OK",
      "/[/ OK",
    ];
    const lines = load(text.join("\n"), (entries, skip) =>
      readCodeLines(entries, skip, {
        longest: 254,
        ignoreCase: true,
        code: (word) => (["ok", "deny"].includes(word.toLowerCase()) ? word.toLowerCase() : undefined),
        plain: (word) => (word.includes("@") ? (subject) => subject === word : undefined),
      }),
    );
    expect(lines.map(({ code, text: rest, entry }) => `${entry.line} ${code} ${rest}`)).toEqual([
      "1 ok Accepting mail",
      "2 deny ",
    ]);
    expect(["me@x.test", "USER7@x.test"].map((subject) => lines.findIndex((line) => line.matches(subject)))).toEqual([
      0, 1,
    ]);
    expect(told.map((line) => line.slice(15, 70))).toEqual([
      "3: this pattern takes more than 50 ms for a hostile tex",
      "4: has no code behind the pattern",
      '5: "MAYBE" is not a code',
      '6: "c" can match nothing',
      "7: this pattern cannot be used: Invalid regular express",
    ]);
  });

  it("split after the first word, which may be quoted", () => {
    expect([firstWord('"a \\" b"@x y z'), firstWord("a"), firstWord('"a b')]).toEqual([
      ['"a \\" b"@x', "y z"],
      ["a", ""],
      ['"a', "b"],
    ]);
  });
});
