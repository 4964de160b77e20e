/**
 * Every error of a directory, between a real client and a real server: 1200 entries in pages of 200. After each the
 * snapshot is, byte for byte, what it was, and the exit code says whether to try again or to look.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { exitCode } from "../../src/compose/sync-words.ts";
import { coreSections } from "../../src/config/schema.ts";
import { runSync } from "../../sync/run/full.ts";
import type { JobOptions, SyncOutcome } from "../../sync/run/full.ts";
import { createCanaries } from "../../sync/list/tally.ts";
import { type LdapFault, type LdapProxy, startLdapProxy } from "../fakes/ldap-proxy.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { memoryLog, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";
import { kontor, source } from "./reading.ts";

const total = 1200;
const people = Array.from(
  { length: total },
  (_, i) =>
    `dn: uid=u${i},o=Kontor\nobjectClass: inetOrgPerson\nuid: u${i}\ncn: U\nsn: U\nmail: u${i}@kontor.example\n`,
);

/** Half a message of 2 GiB, and one of 64 MiB of which the beginning comes. */
const badLength = Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01]);
const hugeEntry = Buffer.concat([Buffer.from([0x30, 0x84, 0x04, 0x00, 0x00, 0x00]), Buffer.alloc(100_000, 0x41)]);
const garbage = Buffer.from("\x8f\x00\xff\x13HTTP/1.1 400 Bad Request\r\n\r\n", "latin1");

/** Fault → exit code and words of the log. */
const rows: readonly (readonly [string, LdapFault, number, RegExp])[] = [
  ["refuse", { kind: "refuse" }, 75, /closed the connection|Lost the connection|Cannot connect/],
  ["hang", { kind: "hang" }, 75, /no answer within/],
  ["stall-entry", { kind: "stall-entry", entry: 300 }, 75, /no answer within/],
  ["cut-bytes", { kind: "cut-bytes", bytes: 40_000 }, 75, /closed the connection/],
  ["cut-bytes in the first answer", { kind: "cut-bytes", bytes: 5 }, 75, /closed the connection/],
  ["cut-entry", { kind: "cut-entry", entry: 300 }, 75, /closed the connection/],
  ["cut-entry after the last one", { kind: "cut-entry", entry: total }, 75, /closed the connection/],
  ["rst-entry", { kind: "rst-entry", entry: 300 }, 75, /Lost the connection|closed the connection/],
  ["half-entry", { kind: "half-entry", entry: 300 }, 75, /closed the connection/],
  ...[4, 3, 11, 51, 52, 53, 80].flatMap((code) =>
    [1, 3, 6].map(
      (page) => [`result code ${code} on page ${page}`, { kind: "code", page, code }, 75, /result code/] as const,
    ),
  ),
  ["result code 10", { kind: "code", page: 2, code: 10 }, 75, /refers to another/],
  ["done-early", { kind: "done-early", entry: 300 }, 65, /lost 900 of 1200 addresses.*--accept-shrink/],
  ["done-early before the first", { kind: "drop-entry", drop: () => true }, 65, /is empty/],
  ["no-cookie", { kind: "no-cookie", page: 1 }, 75, /offers pages and answered without/],
  ["no-cookie on page 4", { kind: "no-cookie", page: 4 }, 75, /dropped the page control/],
  ["drop-entry", { kind: "drop-entry", drop: (entry) => entry % 3 === 0 }, 65, /lost 400 of 1200 addresses/],
  ["empty", { kind: "empty" }, 65, /is empty/],
  ["same-cookie", { kind: "same-cookie" }, 75, /never ends/],
  ["garbage", { kind: "bytes", entry: 300, bytes: garbage }, 75, /not LDAP|unreadable/],
  ["bad-length", { kind: "bytes", entry: 300, bytes: badLength }, 75, /not LDAP/],
  ["huge-entry", { kind: "bytes", entry: 300, bytes: hugeEntry }, 75, /not LDAP/],
  ["referral", { kind: "referral", page: 6 }, 75, /refers to ldap:\/\/elsewhere/],
  ["referral on page 2", { kind: "referral", page: 2 }, 75, /refers to ldap:\/\/elsewhere/],
  ["bind-fail 49", { kind: "bind-fail", code: 49 }, 75, /refused the bind.*49/],
  ["bind-fail 8", { kind: "bind-fail", code: 8 }, 75, /refused the bind.*8/],
  ["bind-fail 53", { kind: "bind-fail", code: 53 }, 75, /refused the bind.*53/],
  ["notice of disconnection", { kind: "notice", entry: 300 }, 75, /ended the session|closed the connection/],
];

describe.skipIf(missing("slapd"))("a sync from a directory that is at fault", { timeout: 90_000 }, () => {
  let slapd: Slapd;
  let proxy: LdapProxy;
  let folder: string;
  /** The snapshot of the whole directory. */
  let good: Buffer | undefined;

  beforeAll(async () => {
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: ["dn: o=Kontor\nobjectClass: organization\no: Kontor\n", ...people].join("\n"),
      global: ["sizelimit 500"],
    });
    proxy = await startLdapProxy(slapd.port);
  });
  afterAll(async () => {
    await proxy?.stop();
    await slapd?.stop();
  });

  async function sync(
    path: string,
    more: Partial<JobOptions> = {},
    bindDn = slapd.rootDn,
  ): Promise<[SyncOutcome, string]> {
    writeFileSync(join(folder, "password"), `${slapd.rootPassword}\n`);
    const log = memoryLog();
    const settings = {
      url: [proxy.url],
      base: "o=Kontor",
      filter: "(objectClass=inetOrgPerson)",
      bind_dn: bindDn,
      password_file: bindDn === "" ? "" : "password",
      page_size: 200,
      timeout: 700,
    };
    const outcome = await runSync({
      sources: [source(settings, kontor, folder)],
      settings: coreSections.sync.parse({}),
      path,
      log,
      signal: AbortSignal.timeout(60_000),
      now: () => 1_700_000_000_000,
      version: "test",
      ...more,
    });
    return [outcome, JSON.stringify(log.lines)];
  }

  /** A folder with the good snapshot in it. */
  async function place(): Promise<string> {
    folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    if (good === undefined) {
      proxy.fault = undefined;
      const [outcome] = await sync(path);
      expect(outcome).toMatchObject({ kind: "published", facts: { entries: total, addresses: total } });
      good = readFileSync(path);
    }
    writeFileSync(path, good);
    return path;
  }

  it.each(rows)("%s: leaves the old snapshot byte for byte", async (_, fault, code, words) => {
    const path = await place();
    const before = readFileSync(path);
    proxy.fault = fault;
    const [outcome, log] = await sync(path);
    expect({ code: exitCode(outcome), log }).toEqual({ code, log: expect.stringMatching(words) as string });
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((name) => !/^(?:password|snapshot\.sqlite(?:\.lock)?)$/.test(name))).toEqual([]);
  });

  it("the server's own limit of 500 for a stranger: leaves the old snapshot", async () => {
    const path = await place();
    const before = readFileSync(path);
    proxy.fault = undefined;
    const [outcome, log] = await sync(path, {}, "");
    expect(exitCode(outcome)).toBe(75);
    expect(log).toContain("result code 4");
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("dup: publishes the same rows", async () => {
    const path = await place();
    proxy.fault = { kind: "dup" };
    const [outcome] = await sync(path);
    expect(outcome).toMatchObject({ kind: "published", facts: { entries: 2 * total, addresses: total, removed: 0 } });
    expect(rowsOf(path)).toEqual(wholeList);
  });

  it("reorder: publishes the same bytes where nothing was, and the same rows over the same list", async () => {
    const path = await place();
    proxy.fault = { kind: "reorder" };
    expect(exitCode((await sync(path))[0])).toBe(0);
    expect(rowsOf(path)).toEqual(wholeList);
    rmSync(path);
    expect(exitCode((await sync(path))[0])).toBe(0);
    expect(readFileSync(path).equals(good ?? Buffer.alloc(0))).toBe(true);
  });

  it("a loss too small for the per cent: is refused where a canary is among the lost", async () => {
    const path = await place();
    const before = readFileSync(path);
    proxy.fault = { kind: "drop-entry", drop: (entry) => entry === total };
    const lost = { canaries: createCanaries(["u1199@kontor.test"], kontor) };
    const [outcome, log] = await sync(path, lost);
    expect(exitCode(outcome)).toBe(65);
    expect(log).toMatch(/u1199@kontor\.test.*canaries/);
    expect(readFileSync(path).equals(before)).toBe(true);
    // No word of a person about the size of a loss excuses a missing canary.
    expect(exitCode((await sync(path, { ...lost, acceptShrink: true }))[0])).toBe(65);
    expect(exitCode((await sync(path))[0])).toBe(0);
  });

  it("as a process: 75, 65, and 0 when the fault is over", async () => {
    const path = await place();
    const before = readFileSync(path);
    writeFileSync(join(folder, "password"), `${slapd.rootPassword}\n`);
    const config = join(folder, "goodmailto.toml");
    writeFileSync(
      config,
      `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n[[source]]\nname = "test"
type = "ldap"\nurl = ["${proxy.url}"]\nbase = "o=Kontor"\nfilter = "(objectClass=inetOrgPerson)"
bind_dn = "${slapd.rootDn}"\npassword_file = "password"\npage_size = 200\n`,
    );
    proxy.fault = { kind: "half-entry", entry: 777 };
    expect(await command(config)).toEqual([75, expect.stringContaining("closed the connection")]);
    proxy.fault = { kind: "done-early", entry: 777 };
    expect(await command(config)).toEqual([65, expect.stringContaining("lost 423 of 1200")]);
    expect(readFileSync(path).equals(before)).toBe(true);
    proxy.fault = undefined;
    expect(await command(config)).toEqual([0, expect.stringContaining("source read")]);
    expect(rowsOf(path)).toEqual(wholeList);
  });
});

const wholeList = people
  .map((_, i) => ({ key: `u${i}@kontor.example`, source: 1, kind: "account", entry: `uid=u${i},o=Kontor` }))
  .toSorted((one, other) => (one.key < other.key ? -1 : 1));

function rowsOf(path: string): unknown[] {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare("SELECT key, source, kind, entry FROM recipient ORDER BY key").all();
  } finally {
    database.close();
  }
}

/** `goodmailto sync` as a process; its exit code and its log. */
function command(config: string): Promise<[number, string]> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, "sync", "-c", config], { timeout: 60_000 }, (error, _stdout, stderr) => {
      resolve([error === null ? 0 : Number(error.code ?? -1), stderr]);
    });
  });
}
