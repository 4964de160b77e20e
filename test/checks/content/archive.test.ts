/** archive: what is in its files after messages that were accepted, refused, broken off, or could not be kept. */
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { datedPath } from "../../../src/checks/content/archive-place.ts";
import { MailScene } from "../scanners/mail-scene.ts";

describe("archive", () => {
  let folder = "";
  let scene: MailScene | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gmto-archive-"));
  });
  afterEach(async () => {
    await scene?.close();
    scene = undefined;
    rmSync(folder, { recursive: true });
  });

  const open = async (settings = ""): Promise<MailScene> => {
    scene = await MailScene.start({ archive: `folder = "${folder}"\n${settings}` });
    return scene;
  };
  const today = (): string => join(folder, datedPath("mail/%Y%m%d", new Date()));
  const archived = (path = today()): string => (existsSync(path) ? readFileSync(path, "latin1") : "");
  const warnings = (): string[] => scene?.relay.log.filter((line) => line.includes("archive: not kept")) ?? [];
  const text = (word: string): string => `Subject: ${word}\r\n\r\nFrom me\r\n>From you\r\n..\r\n\xe4 ${word}\r\n`;

  it("has two messages in the file of today, which any reader of mboxes can tell apart", async () => {
    const { hop } = await open();
    await scene?.send(text("one"));
    await scene?.send(text("two"));
    await expect.poll(() => archived().split("\nFrom ").length).toBe(2);
    expect(archived()).toMatch(
      /^From ann@far\.example \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\nSubject: one\n\n>From me\n>>From you\n\.\n\xe4 one\n\nFrom ann/,
    );
    expect(statSync(today()).mode & 0o777).toBe(0o600);
    expect([hop.received.length, warnings()]).toEqual([2, []]);
  });

  it("has none that the next hop refuses, unless it is to keep all", async () => {
    const { hop } = await open();
    hop.script.answers = { dot: "554 5.6.0 No" };
    expect(await scene?.send(text("refused"))).toBe("554 5.6.0 No");
    hop.script.answers = {};
    await scene?.send(text("taken"));
    await expect.poll(() => archived()).toContain("taken");
    expect(archived()).not.toContain("refused");
    await scene?.close();
    scene = await MailScene.start({ archive: `folder = "${folder}"\nwhat = "all"\nformat = "raw"\npath = "all/%Y"` });
    scene.hop.script.answers = { dot: "554 5.6.0 No" };
    await scene.send(text("refused"));
    const all = join(folder, datedPath("all/%Y", new Date()));
    await expect.poll(() => archived(all)).toBe("Subject: refused\n\nFrom me\n>From you\n.\n\xe4 refused\n");
  });

  it("has nothing of one that its client did not end", async () => {
    await open('what = "all"');
    const client = await scene?.open();
    client?.write("Subject: half\r\n\r\nhalf\r\n");
    client?.close();
    await scene?.send(text("whole"));
    await expect.poll(() => archived()).toContain("whole");
    expect(archived()).not.toContain("half");
  });

  it("has 3 MB in a maildir beside, and one of so many as a sample", async () => {
    await open("sample = 2");
    const big = `Subject: big\r\n\r\n${"x".repeat(70).concat("\r\n").repeat(45_000)}`;
    await scene?.send(big);
    await scene?.send(text("left out"));
    await scene?.send(text("third"));
    await expect.poll(() => archived()).toContain("third");
    // Each is written on its own: the large one may come last.
    const large = (): string =>
      globSync(`${today()}.large/new/*`)
        .map((path) => archived(path))
        .join("");
    await expect.poll(large).toBe(big.replaceAll("\r\n", "\n"));
    expect(archived()).not.toContain("left out");
  });

  it("has a file for each in a maildir", async () => {
    await open('format = "maildir"\npath = "box"');
    await scene?.send(text("one"));
    await scene?.send(text("two"));
    await expect.poll(() => globSync(join(folder, "box/new/*")).length).toBe(2);
    expect(globSync(join(folder, "box/tmp/*"))).toEqual([]);
  });

  it("delivers what it cannot keep, warns, and tries again after a minute only", async () => {
    writeFileSync(join(folder, "mail"), "a file in place of the folder");
    const { hop } = await open();
    expect(await scene?.send(text("one"))).toMatch(/^250/);
    await expect.poll(warnings).toEqual([expect.stringMatching(/why=.*(?:EEXIST|ENOTDIR)/)]);
    rmSync(join(folder, "mail"));
    expect(await scene?.send(text("two"))).toMatch(/^250/);
    expect([hop.received.length, archived(), warnings().length]).toEqual([2, "", 1]);
  });

  it("delivers while its folder is missing", async () => {
    scene = await MailScene.start({ archive: 'folder = "/proc/no-such-folder"' });
    expect(await scene.send(text("one"))).toMatch(/^250/);
    expect(warnings()).toEqual([expect.stringMatching(/ENOENT/)]);
  });
});

describe("a dated path", () => {
  it("has the local time in it", () => {
    const time = new Date(2026, 2, 1, 4, 5, 6);
    expect(datedPath("a/%Y/%m-%d %H:%M:%S %j %% %q", time)).toBe("a/2026/03-01 04:05:06 060 % %q");
    expect(datedPath("%j", new Date(2024, 11, 31, 23))).toBe("366");
  });
});
