import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { makeFolder } from "../../src/files/make-folder.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "goodmailto-folder-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("makeFolder", () => {
  it("makes what is missing, each with its mode, and leaves what is there", () => {
    mkdirSync(join(root, "a"), { mode: 0o755 });
    const path = join(root, "a/b/c");
    makeFolder(path, 0o700);
    makeFolder(path, 0o755);
    expect(["a", "a/b", "a/b/c"].map((each) => (statSync(join(root, each)).mode & 0o777).toString(8))).toEqual([
      "755",
      "700",
      "700",
    ]);
  });

  it("takes a link to a folder as one, and no file nor a link to nothing", () => {
    writeFileSync(join(root, "file"), "");
    symlinkSync(root, join(root, "link"));
    symlinkSync(join(root, "nothing"), join(root, "dangling"));
    makeFolder(join(root, "link/within"));
    expect(statSync(join(root, "within")).isDirectory()).toBe(true);
    expect(() => makeFolder(join(root, "file"))).toThrow(/EEXIST/);
    expect(() => makeFolder(join(root, "file/within"))).toThrow(/ENOTDIR/);
    expect(() => makeFolder(join(root, "dangling/within"))).toThrow(/EEXIST/);
  });

  it.runIf(process.platform === "linux")("ends where a file system takes no new name", () => {
    expect(() => makeFolder("/proc/goodmailto/trace")).toThrow('no folder can be made in "/proc" (ENOENT)');
    expect(() => makeFolder("/sys/goodmailto/trace")).toThrow(/EPERM|EACCES|EROFS/);
  });
});
