/** Control files: what counts as an entry, and what stays when a file breaks. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { ControlFile } from "../../src/files/control-file.ts";

describe("ControlFile", () => {
  let folder: string;
  let path: string;
  let time = 0;
  let faults: string[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "goodmailto-control-"));
    path = join(folder, "list");
    time = 0;
    faults = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const open = (): ControlFile<readonly string[]> =>
    new ControlFile(
      path,
      (lines) => lines,
      () => time,
      (event, { fault }) => faults.push(`${event}: ${fault}`),
    );
  const later = (file: ControlFile<readonly string[]>): readonly string[] => {
    time += 1000;
    return file.current();
  };

  it("takes a file that appears, that is replaced and that goes", () => {
    const file = open();
    expect(file.current()).toEqual([]);
    writeFileSync(path, "one\n");
    expect(later(file)).toEqual(["one"]);
    writeFileSync(`${path}.new`, "two\n");
    renameSync(`${path}.new`, path);
    expect(later(file)).toEqual(["two"]);
    rmSync(path);
    expect(faults).toEqual([]);
    expect(later(file)).toEqual([]);
    expect(later(file)).toEqual([]);
    expect(faults).toEqual(["list file is missing, nothing is refused by it: ENOENT"]);
  });

  it("keeps the list of before while the file is a folder or too large, and says so once", () => {
    writeFileSync(path, "one\n");
    const file = open();
    expect(file.current()).toEqual(["one"]);
    rmSync(path);
    mkdirSync(path);
    expect(later(file)).toEqual(["one"]);
    expect(later(file)).toEqual(["one"]);
    expect(faults).toHaveLength(1);
    rmSync(path, { recursive: true });
    writeFileSync(path, "");
    truncateSync(path, 5 * 1024 * 1024);
    expect(later(file)).toEqual(["one"]);
    writeFileSync(path, "two\n");
    expect(later(file)).toEqual(["two"]);
  });

  it("keeps the list of before while the file cannot be opened, also for root", () => {
    writeFileSync(path, "one\n");
    const file = open();
    expect(file.current()).toEqual(["one"]);
    rmSync(path);
    symlinkSync(path, path);
    expect(later(file)).toEqual(["one"]);
    expect(later(file)).toEqual(["one"]);
    expect(faults).toHaveLength(1);
    expect(faults.join()).toContain("ELOOP");
  });

  it("looks at once when the clock was set back", () => {
    const file = open();
    time = 1_000_000;
    file.current();
    writeFileSync(path, "one\n");
    time = 5;
    expect(file.current()).toEqual(["one"]);
  });
});
