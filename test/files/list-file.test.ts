/** List files: what counts as an entry, where they are found, what they include, and what stays when they break. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { writeCdb } from "../../src/export/cdb.ts";
import { Cdb } from "../../src/files/cdb.ts";
import { openList, openMap } from "../../src/files/list-file.ts";
import type { Watched } from "../../src/files/watched.ts";
import { readList } from "../../src/files/list-reader.ts";
import { replaceFile } from "../../src/files/replace.ts";

describe("list files", () => {
  let root: string;
  let folders: string[];
  let time = 0;
  let faults: string[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "goodmailto-lists-"));
    folders = [join(root, "one"), join(root, "two")];
    folders.forEach((folder) => mkdirSync(folder));
    time = 0;
    faults = [];
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (path: string, text: string | Buffer): void => writeFileSync(join(root, path), text);
  const texts = (name: string): string[] => readList(name, folders).entries.map(({ text }) => text);
  const place = () => ({
    folders,
    now: () => time,
    fault: (event: string, { fault }: { fault: string }) => void faults.push(`${event}: ${fault.replaceAll(root, "")}`),
  });
  const open = (name: string) =>
    openList(name, place(), (entries, skip) => {
      entries.filter(({ text }) => text.startsWith("bad")).forEach((entry) => skip(entry, "is bad"));
      return entries.map(({ text }) => text).filter((text) => !text.startsWith("bad"));
    });
  const later = <T>(list: Watched<T>): T => {
    time += 1000;
    return list.current();
  };

  it("trim entries and leave out blank lines and comments, with BOM and CRLF", () => {
    write("one/list", "\uFEFF# head\r\n\r\n  a@b.test \t\r\n\t# indented\n\nlast # kept");
    expect(texts("list")).toEqual(["a@b.test", "last # kept"]);
    expect(readList("list", folders).entries[1]).toMatchObject({ path: join(root, "one/list"), line: 6 });
  });

  it("are UTF-8, or Latin-1 where they cannot be that", () => {
    write("one/list", Buffer.from("stra\u00dfe\n", "utf8"));
    write("one/old", Buffer.from("stra\u00dfe\n", "latin1"));
    expect([texts("list"), texts("old")]).toEqual([["stra\u00dfe"], ["stra\u00dfe"]]);
  });

  it("are found in the first folder that has them, each by itself, or at an absolute path", () => {
    write("one/a", "one");
    write("two/a", "two");
    write("two/b", "two");
    expect([texts("a"), texts("b"), texts("c"), texts(join(root, "two/a"))]).toEqual([["one"], ["two"], [], ["two"]]);
  });

  it("include files and folders, in order, without their hidden files", () => {
    write("one/list", "first\n$include more\n$include parts\nlast\n");
    write("two/more", "more\n");
    mkdirSync(join(root, "two/parts"));
    write("two/parts/b", "b");
    write("two/parts/a", "a");
    write("two/parts/.hidden", "hidden");
    expect(texts("list")).toEqual(["first", "more", "a", "b", "last"]);
  });

  it("leave out an include that is not there, and say where", () => {
    write("one/list", "first\n$include nothing\n$include\nlast\n");
    const list = open("list");
    expect(list.current()).toEqual(["first", "last"]);
    expect(faults).toEqual([
      'line left out: /one/list:2: cannot find "nothing"',
      'line left out: /one/list:3: cannot find ""',
    ]);
    write("two/nothing", "there");
    expect(later(list)).toEqual(["first", "there", "last"]);
  });

  it("that include themselves are refused as a whole, and the previous list stays", () => {
    write("one/list", "good\n");
    const list = open("list");
    expect(list.current()).toEqual(["good"]);
    write("one/list", "new\n$include more\n");
    write("one/more", "$include list\n");
    expect([later(list), later(list)]).toEqual([["good"], ["good"]]);
    expect(faults).toEqual(['list cannot be read, keeping the previous one: /one/more:1: "/one/list" includes itself']);
    write("one/more", "end\n");
    expect(later(list)).toEqual(["new", "end"]);
  });

  it("have bounds: depth, files, lines, size", () => {
    for (let i = 0; i < 12; i++) {
      write(`one/deep${i}`, `$include deep${i + 1}\n`);
    }
    write("one/deep12", "end");
    expect(() => texts("deep0")).toThrow("more than 10 deep");
    write("one/wide", Array.from({ length: 101 }, (_, i) => `$include nothing${i}`).join("\n"));
    expect(() => texts("wide")).toThrow("more than 100 files");
    write("one/long", "a\n".repeat(100_000));
    expect(texts("long")).toHaveLength(100_000);
    write("one/long", "a\n".repeat(100_001));
    expect(() => texts("long")).toThrow("more than 100000 lines");
    write("one/large", "a".repeat(5 * 1024 * 1024));
    expect(() => texts("large")).toThrow("at most 4194304 bytes");
    expect(() => texts(folders[0] ?? "")).toThrow("not a plain file");
  });

  it("tell of faulty lines with path and line, once, and of a file that goes", () => {
    write("one/list", "good\nbad one\n");
    const list = open("list");
    expect([list.current(), later(list), later(list)]).toEqual([["good"], ["good"], ["good"]]);
    expect(faults).toEqual(["line left out: /one/list:2: is bad"]);
    rmSync(join(root, "one/list"));
    expect(later(list)).toEqual([]);
    expect(faults.at(-1)).toBe("list file is missing, nothing is refused by it: ENOENT");
  });

  it("are read again when an included file or an earlier folder changes, and looked at once a second", () => {
    write("two/list", "$include more\n");
    write("two/more", "more\n");
    const list = open("list");
    expect(list.current()).toEqual(["more"]);
    write("two/more", "changed!\n");
    expect(list.current()).toEqual(["more"]);
    expect(later(list)).toEqual(["changed!"]);
    write("one/list", "first\n");
    expect(later(list)).toEqual(["first"]);
  });

  it("never throw for whatever text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        write("one/any", Buffer.from(bytes));
        const list = openList("any", place(), (entries) => entries);
        expect(list.current().every(({ text }) => text === text.trim() && !text.startsWith("#"))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe("cdb maps", () => {
  it("find their keys, are read again when replaced, and keep the last good copy", () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-cdb-"));
    let time = 0;
    const faults: string[] = [];
    const map = openMap("relays", { folders: [folder], now: () => time, fault: (event) => faults.push(event) });
    const later = (): Cdb | undefined => ((time += 1000), map.current());
    expect(map.current()).toBeUndefined();
    const keys = Array.from({ length: 500 }, (_, i) => `key${i}@kontor.example`);
    replaceFile(join(folder, "relays.cdb"), writeCdb(keys));
    const found = later();
    expect(keys.every((key) => found?.get(key) === "")).toBe(true);
    expect(found?.get("other")).toBeUndefined();
    writeFileSync(join(folder, "relays.cdb"), writeCdb(keys).subarray(0, 9000));
    expect(later()?.get("key1@kontor.example")).toBe("");
    expect(faults).toEqual(["list cannot be read, keeping the previous one"]);
    rmSync(folder, { recursive: true });
  });

  it("never throw or hang, whatever the bytes", () => {
    const whole = writeCdb(["a", "b", "c"]);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        try {
          new Cdb(damaged).get("a");
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe("replacing a file", () => {
  it("keeps mode, leaves no other file behind, and is turned away while another one writes", () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-replace-"));
    const path = join(folder, "file");
    replaceFile(path, "one", { mode: 0o600 });
    replaceFile(path, "two");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    // Left by a process that was killed.
    writeFileSync(`${path}.tmp.${process.pid}`, "half");
    replaceFile(path, "three");
    expect(readdirSync(folder)).toEqual(["file"]);
    writeFileSync(`${path}.new`, "");
    expect(() => replaceFile(path, "four", { temporary: `${path}.new` })).toThrow("EEXIST");
    expect(readdirSync(folder)).toEqual(["file", "file.new"]);
    rmSync(folder, { recursive: true });
  });
});
