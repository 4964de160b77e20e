/** The list in the words of other programs, read back as those programs read it. */
import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { exportImage } from "../../src/commands/export.ts";
import type { Settings } from "../../src/config/sections.ts";
import { writeCdb } from "../../src/export/cdb.ts";
import { replaceFile } from "../../src/files/replace.ts";
import { foldAscii } from "../../src/mail/address.ts";
import { missing } from "../fakes/need.ts";
import { listSource, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { readAll, source } from "../sync/reading.ts";
import { kontorConfig, publishDomino, questions, relayAnswers, settingsOf } from "./expected.ts";

let folder: string;
let settings: Settings;
let relay: ReturnType<typeof relayAnswers>;

/** A folder for all tests of this file. */
beforeAll(async () => {
  const { mkdtempSync } = await import("node:fs");
  const { tmpdir } = await import("node:os");
  folder = mkdtempSync(join(tmpdir(), "gmto-export-"));
  settings = settingsOf(kontorConfig, folder);
  await publishDomino(settings.snapshot.path);
  relay = relayAnswers(settings);
});
afterAll(async () => {
  relay.reader.close();
  const { rmSync } = await import("node:fs");
  rmSync(folder, { recursive: true, force: true });
});

function exported(
  format: string,
  from = relay,
  by = settings,
): { text: string; bytes: Buffer; left: readonly string[] } {
  if (from.reader.image === undefined) {
    throw new Error("no snapshot");
  }
  const { bytes, left } = exportImage(from.reader.image, by, format);
  return { text: bytes.toString("utf8"), bytes, left };
}

/** Whether a line is in it that is not a comment. */
function linesOf(text: string): Set<string> {
  return new Set(text.split("\n").filter((line) => line !== "" && !line.startsWith("#")));
}

/**
 * What a list of complete addresses answers; the other program does the rest (extensions, domains that are not ours).
 */
const whole = questions.filter((text) => text.includes("@") && !text.includes("+") && !text.includes('"'));

describe("goodmailto export", () => {
  it("--format goodmailto gives the plugin's file: user parts alone, which our own list source reads back", async () => {
    const { text, left } = exported("goodmailto");
    expect(left).toEqual([]);
    expect(text).toMatch(/^# Aliases ####\n[^#]+# Accounts ####\n[^#]+\n$/);
    expect(linesOf(text.slice(0, text.indexOf("# Accounts")))).toContain("alias13");
    expect(linesOf(text.slice(text.indexOf("# Accounts")))).toContain("vyildiz");
    const users = linesOf(text);
    // The plugin looks at the user part, and leaves the domain to rcpthosts.
    const wrong = whole
      .filter((address) => address.endsWith("@kontor.example"))
      .filter((address) => users.has(foldAscii(address.slice(0, address.lastIndexOf("@")))) !== relay.ask(address));
    expect(wrong).toEqual([]);
    const file = join(folder, "goodmailto");
    writeFileSync(file, text);
    const { keys } = await readAll(source({ type: "list", url: [file] }));
    expect([...keys].filter((key) => !key.includes("%")).length).toBe(
      [...users].filter((user) => !user.includes("%")).length,
    );
  });

  it("--format goodrcptto gives qpsmtpd's file: user parts of every domain, or whole addresses", () => {
    const lines = linesOf(exported("goodrcptto").text);
    expect(lines).toContain("vyildiz");
    expect(lines).toContain("vera.yildiz@kontor.test");
    const accepts = (address: string): boolean => {
      const [user = "", domain = ""] = foldAscii(address).split("@");
      return /^kontor\.(?:example|test)$/.test(domain) && (lines.has(`${user}@${domain}`) || lines.has(user));
    };
    expect(whole.filter((address) => accepts(address) !== relay.ask(address))).toEqual([]);
  });

  it("--format exim gives one key a line, in quotes where it is strange", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [
      listSource("list", [
        '"a:b"@kontor.example',
        '"c d"@kontor.example',
        '"e\\"f"@kontor.example',
        "g@kontor.example",
      ]),
    ]);
    const other = settingsOf(kontorConfig.replace('"snapshot.sqlite"', `"${path}"`), folder);
    const from = relayAnswers(other);
    const lines = linesOf(exported("exim", from, other).text);
    expect(lines).toContain("g@kontor.test:");
    expect(lines).toContain('"\\"a:b\\"@kontor.example":');
    expect(lines).toContain('"\\"c d\\"@kontor.example":');
    from.reader.close();
  });

  it("leaves out and names what a format cannot say", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [listSource("list", ["#hash@kontor.example", '"c d"', "plain"])]);
    const other = settingsOf(
      `${kontorConfig.replace('"snapshot.sqlite"', `"${path}"`)}[recipients]\nalways = []\n`,
      folder,
    );
    const from = relayAnswers(other);
    expect(exported("goodmailto", from, other).left).toEqual(["#hash", "c d"]);
    expect(exported("goodrcptto", from, other).left).toEqual(["#hash@kontor.example", "#hash@kontor.test", "c d"]);
    expect(exported("postfix", from, other).left).toEqual(["#hash@kontor.example", "#hash@kontor.test"]);
    from.reader.close();
  });

  it.each(["postfix", "texthash", "exim", "goodrcptto", "goodmailto", "validrcptto-cdb"])(
    "--format %s holds an address in grace, until its grace is over",
    async (format) => {
      const path = join(temporaryFolder(), "snapshot.sqlite");
      const hour = 3_600_000;
      const list = ["anna@kontor.example", "bert@kontor.example", "carl@kontor.example"];
      const again = { grace: 24 * hour, acceptShrink: true };
      await publish(path, [listSource("list", list)], { now: () => hour });
      await publish(path, [listSource("list", list.slice(1))], { now: () => 2 * hour, ...again });
      const text = (grace: string): Settings =>
        settingsOf(
          `${kontorConfig.replace('"snapshot.sqlite"', `"${path}"`)}[recipients]\nalways = []\ngrace = "${grace}"\n`,
          folder,
        );
      const holds = (by: Settings, hours: number): boolean => {
        const from = relayAnswers(by);
        try {
          const { image } = from.reader;
          expect(image).toBeDefined();
          const { bytes } = exportImage(image!, by, format, hours * hour);
          expect(bytes.toString("utf8")).toContain("carl");
          return bytes.toString("utf8").includes("anna");
        } finally {
          from.reader.close();
        }
      };
      expect([holds(text("5h"), 3), holds(text("5h"), 7), holds(text("0s"), 3)]).toEqual([true, false, false]);
    },
  );

  it("keeps to the domains of a source, to match, and refuses what stands for all below a domain", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [
      listSource("a", ["ann"], { domains: ["werk.example"] }),
      listSource("b", ["bob@kontor.example", "x@gone.example"]),
    ]);
    const text = (extra: string, relayed = '"kontor.example", "werk.example"'): Settings =>
      settingsOf(
        `[domains]\nrelay = [${relayed}]\naliases = { "werk.test" = "werk.example" }\n[snapshot]\npath = "${path}"\n[recipients]\nalways = []\n${extra}`,
        folder,
      );
    const ask = (by: Settings): string[] => {
      const from = relayAnswers(by);
      try {
        return [...linesOf(exported("postfix", from, by).text)].map((line) => line.replace(" OK", "")).sort();
      } finally {
        from.reader.close();
      }
    };
    expect(ask(text(""))).toEqual(["ann@werk.example", "ann@werk.test", "bob@kontor.example"]);
    expect(ask(text('match = "user-part"'))).toEqual(
      ["ann", "bob", "x"].flatMap((user) =>
        ["kontor.example", "werk.example", "werk.test"].map((name) => `${user}@${name}`),
      ),
    );
    expect(() => ask(text('match = "user-part"', '"kontor.example", "werk.example", ".sub.example"'))).toThrow(
      /below ".sub.example"/,
    );
    expect(ask(text("", '"kontor.example", "werk.example", ".sub.example"'))).toHaveLength(3);
  });

  it("replaces a file in one step, and keeps its mode", () => {
    const file = join(temporaryFolder(), "list");
    replaceFile(file, Buffer.from("one"));
    expect(statSync(file).mode & 0o777).toBe(0o640);
    const inode = statSync(file).ino;
    replaceFile(file, Buffer.from("two"));
    expect(readFileSync(file, "utf8")).toBe("two");
    expect(statSync(file).ino).not.toBe(inode);
    expect(() => replaceFile(join(file, "x"), Buffer.from("three"))).toThrow(/ENOTDIR/);
    expect(readFileSync(file, "utf8")).toBe("two");
  });

  describe.skipIf(missing("cdb"))("with Debian's tinycdb", () => {
    const has = (file: string, key: string): boolean => {
      try {
        execFileSync("cdb", ["-q", "--", file, key], { stdio: "pipe" });
        return true;
      } catch (error) {
        // 100: no such key. Anything else is an error of the file.
        expect((error as { status: number }).status).toBe(100);
        return false;
      }
    };

    it("--format validrcptto-cdb holds every address of the directory and no other", () => {
      const file = join(folder, "validrcptto.cdb");
      writeFileSync(file, exported("validrcptto-cdb").bytes);
      const dump = execFileSync("cdb", ["-d", file], { encoding: "utf8" });
      const keys = new Set(dump.split("\n").map((line) => /^\+\d+,0:(.*)->$/.exec(line)?.[1] ?? ""));
      const wrong = whole.filter((address) => keys.has(foldAscii(address)) !== relay.ask(address));
      expect(wrong).toEqual([]);
    });

    it("finds every tenth address of the directory as John Simpson's patch does, by its key", () => {
      const file = join(folder, "validrcptto.cdb");
      writeFileSync(file, exported("validrcptto-cdb").bytes);
      const some = whole.filter((_, index) => index % 10 === 0);
      expect(some.filter((address) => has(file, foldAscii(address)) !== relay.ask(address))).toEqual([]);
    });

    it("finds every key of any list", () => {
      const file = join(folder, "fuzz.cdb");
      const key = fc.stringMatching(/^[a-z0-9@.%+-]{1,40}$/);
      const property = fc.property(fc.uniqueArray(key, { maxLength: 300 }), (keys) => {
        writeFileSync(file, writeCdb(keys));
        const dump = execFileSync("cdb", ["-d", file], { encoding: "utf8" });
        expect(dump).toBe(`${keys.map((text) => `+${text.length},0:${text}->\n`).join("")}\n`);
        for (const text of keys.slice(0, 3)) {
          expect(has(file, text)).toBe(true);
        }
        expect(has(file, "NOT THERE")).toBe(false);
      });
      fc.assert(property, { numRuns: 10 });
    });
  });
});
