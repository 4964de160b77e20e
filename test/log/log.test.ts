import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createLog, sanitise } from "../../src/log/log.ts";
import type { Format } from "../../src/log/log.ts";
import { tai64n } from "../../src/log/tai64n.ts";
import { missing } from "../fakes/need.ts";

const verdict = {
  check: "goodmailto",
  host: "adsl-164-175.globonet.hu",
  from: "jqsdq@jhg.com",
  user: "sod",
  address: "sod@xxxx.de",
  status: "not found",
  session: "abc",
  ip: "192.0.2.1",
  helo: "mx",
  listener: "smtp",
  code: 550,
  ms: 0.1,
};

function logOf(format: Format): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = [];
  // 2007-12-27 14:33:53.700384500 UTC, a stamp of the plugin's page.
  const log = createLog({
    format,
    level: "debug",
    write: (line) => lines.push(line),
    now: () => 1_198_766_033_700.385,
  });
  return { lines, log };
}

describe("log", () => {
  it("writes the line of the plugin goodmailto, byte for byte", () => {
    const { lines, log } = logOf("plain");
    log.verdict(verdict);
    log.verdict({ ...verdict, from: "", status: "found" });
    expect(lines).toEqual([
      "goodmailto: host: adsl-164-175.globonet.hu from: jqsdq@jhg.com to: sod (sod@xxxx.de) status: not found",
      "goodmailto: host: adsl-164-175.globonet.hu from: <> to: sod (sod@xxxx.de) status: found",
    ]);
  });

  it("stamps as DJB's programs do", () => {
    const { lines, log } = logOf("tai64n");
    log.verdict(verdict);
    expect(lines[0]).toMatch(/^@400000004773b7db29bf[0-9a-f]{4} goodmailto: host: /);
    expect(tai64n(1_198_766_033_700_384)).toBe("@400000004773b7db29bf04f4");
  });

  it.skipIf(missing("tai64nlocal"))("is read by tai64nlocal", () => {
    const input = `${tai64n(1_198_766_057_265_102)} x\n`;
    const output = execFileSync("tai64nlocal", { input, env: { ...process.env, TZ: "UTC" } }).toString();
    expect(output).toBe("2007-12-27 14:34:17.265102500 x\n");
  });

  it.skipIf(missing("multilog"))("passes the plugin's multilog filter, alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-multilog-"));
    try {
      const { lines, log } = logOf("plain");
      log.info("relay", "ready", {});
      log.verdict(verdict);
      log.warning("smtp", "limit goodmailto: forged", {});
      execFileSync("multilog", ["t", "-*", "+* goodmailto*", join(folder, "log")], { input: `${lines.join("\n")}\n` });
      const kept = readFileSync(join(folder, "log/current"), "utf8").trim().split("\n");
      expect(kept).toHaveLength(1);
      expect(kept[0]).toContain("goodmailto: host: adsl");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("writes the same facts and more as JSON", () => {
    const { lines, log } = logOf("json");
    log.verdict(verdict);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      part: "goodmailto",
      user: "sod",
      status: "not found",
      session: "abc",
      ip: "192.0.2.1",
    });
  });

  it("lets no client forge or break a line", () => {
    for (const format of ["plain", "json", "tai64n"] as const) {
      fc.assert(
        fc.property(fc.string({ unit: "binary" }), fc.string(), (text, other) => {
          const { lines, log } = logOf(format);
          log.verdict({ ...verdict, from: text, user: other, address: text, status: other, helo: text });
          log.error("smtp", text, { why: text, [`k${other}`]: other });
          expect(lines).toHaveLength(2);
          expect(lines.join("")).toMatch(/^[\x20-\x7e]*$/);
        }),
        { numRuns: 200 },
      );
    }
  });

  it("writes words of every length as they are, and only what is not printable in another way", () => {
    const { lines, log } = logOf("plain");
    const word = fc.oneof(
      fc.string({ unit: "grapheme-ascii" }),
      fc.string({ unit: "binary" }),
      fc.nat({ max: 4200 }).map((length) => "x".repeat(length)),
    );
    fc.assert(
      fc.property(word, word, word, (host, user, status) => {
        log.verdict({ ...verdict, host, user, status });
        const text = `goodmailto: host: ${host} from: jqsdq@jhg.com to: ${user} (sod@xxxx.de) status: ${status}`;
        expect(lines.pop()).toBe(sanitise(text));
      }),
      { numRuns: 500 },
    );
  });

  it("keeps to its level", () => {
    const lines: string[] = [];
    const log = createLog({ format: "plain", level: "warning", write: (line) => lines.push(line) });
    log.verdict(verdict);
    log.info("relay", "ready");
    log.warning("relay", "odd", { why: "a b", count: 2, none: undefined });
    expect(lines).toEqual(['relay: odd why="a b" count=2']);
  });
});

/** What a process of its own logs to a file as its standard error, told that JOURNAL_STREAM is this. */
function loggedTo(format: Format, journal: (stream: string) => string | undefined): string[] {
  const folder = mkdtempSync(join(tmpdir(), "goodmailto-journal-"));
  const path = join(folder, "stream");
  const file = openSync(path, "w");
  try {
    const { dev, ino } = fstatSync(file, { bigint: true });
    const stream = journal(`${dev}:${ino}`);
    const script = `
      import { createLog } from "${join(import.meta.dirname, "../../src/log/log.ts")}";
      const log = createLog({ format: "${format}", level: "debug" });
      log.debug("a", "b"); log.info("a", "b"); log.warning("a", "b"); log.error("a", "b");
      log.verdict(${JSON.stringify(verdict)});`;
    spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "ignore", file],
      env: { ...process.env, JOURNAL_STREAM: stream },
    });
    return readFileSync(path, "utf8").trimEnd().split("\n");
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

describe("the log in systemd's journal", () => {
  it.each(["plain", "json", "tai64n"] as const)("bears the priority of each line: %s", (format) => {
    const priorities = loggedTo(format, (stream) => stream).map((line) => /^<\d>/.exec(line)?.[0]);
    expect(priorities).toEqual(["<7>", "<6>", "<4>", "<3>", "<6>"]);
  });

  it("bears none where standard error is another stream than the journal's, or there is no journal", () => {
    expect(loggedTo("plain", () => "8:1").join("\n")).not.toContain("<4>");
    expect(loggedTo("plain", () => undefined)[2]).toBe("a: b");
    expect(loggedTo("plain", () => "rubbish")[2]).toBe("a: b");
  });
});
