/** A validrcptto.cdb as a source: what Debian's `cdb -c` made, through a sync, to the answers of the relay. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { exportImage } from "../../src/commands/export.ts";
import { writeCdb } from "../../src/export/cdb.ts";
import { ExportFault } from "../../src/export/export-fault.ts";
import { Cdb } from "../../src/files/cdb.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { describeAnswer } from "../../src/snapshot/describe-answer.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import { kontorConfig, settingsOf } from "../export/expected.ts";
import { listSource, mailbox, memoryLog, publish, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { faultOf, readAll, source } from "./reading.ts";

const domains = createDomains(["ours.example", "all.example"], { "alias.example": "all.example" });
const simpson: readonly (readonly [key: string, value: string])[] = [
  ["vera@ours.example", ""],
  ["list-default@ours.example", ""],
  ["list-x-default@ours.example", "-"],
  ["default@ours.example", ""],
  ["@all.example", ""],
  ["gone@all.example", "-"],
  ["postmaster", ""],
  ["x@elsewhere.example", ""],
  ["@elsewhere.example", ""],
];

/** As an administrator makes it. */
function makeCdb(file: string, entries: readonly (readonly [string, string])[]): void {
  const input = entries.map(([key, value]) => `+${key.length},${value.length}:${key}->${value}\n`).join("");
  const made = spawnSync("cdb", ["-c", file], { input: `${input}\n` });
  expect(made.error ?? made.stderr.toString()).toBe("");
}

function scene(entries = simpson) {
  const folder = temporaryFolder();
  makeCdb(join(folder, "v.cdb"), entries);
  const from = source({ type: "cdb", url: ["v.cdb"] }, domains, folder);
  return { folder, from, path: join(folder, "snapshot.sqlite") };
}

type Match = "address" | "user-part";

function open(path: string, match: Match = "address", secret?: string) {
  const reader = openSnapshot(path, memoryLog(), {
    trust: secret === undefined ? plainTrust : { ...plainTrust, match, secret },
  });
  const { find } = createRecipients(reader, domains, { match, always: ["postmaster"], recipient_delimiter: "+" });
  const ask = (text: string): string => {
    const answer = find(mailbox(text));
    return answer.kind === "known"
      ? answer.as
      : answer.kind === "unknown" && answer.by !== undefined
        ? "refused"
        : answer.kind;
  };
  const why = (text: string): string => describeAnswer(find(mailbox(text)), mailbox(text), "");
  return { reader, ask, why };
}

const expected: readonly (readonly [address: string, answer: string])[] = [
  ["Vera@OURS.example", "account"],
  ["vera+news@ours.example", "account"],
  ["list-y-z@ours.example", "extension"],
  ["prvs=0123456789=list-y@ours.example", "extension"],
  ["list-default@ours.example", "extension"],
  ["list-x-y@ours.example", "refused"],
  ["list@ours.example", "unknown"],
  ["-x@ours.example", "unknown"],
  ["other@ours.example", "unknown"],
  ["list-y%victim.example@ours.example", "unknown"],
  ["any@all.example", "catchall"],
  ["any@alias.example", "catchall"],
  ["Gone@all.example", "refused"],
  ["gone@alias.example", "refused"],
  ["gone+x@all.example", "catchall"],
  ["postmaster@all.example", "always"],
  ["victim%elsewhere.example@all.example", "unknown"],
  ["elsewhere.example!victim@all.example", "unknown"],
  ['"victim@elsewhere.example"@all.example', "unknown"],
  ['""@all.example', "catchall"],
  ['""@ours.example', "unknown"],
];

describe("a cdb as a source", () => {
  it("gives addresses, extensions and catch-alls; counts what is left out by why", async () => {
    const { from, folder } = scene();
    const { found, entries, skipped } = await readAll(from);
    expect(entries).toBe(9);
    expect(found.map(({ key, kind, rule }) => `${key} ${kind}${rule === undefined ? "" : ` ${rule}`}`)).toEqual([
      "vera@ours.example account",
      "list-default@ours.example extension",
      "list-x-default@ours.example extension refused",
      "default@ours.example account",
      "@all.example catchall",
      "gone@all.example account refused",
    ]);
    expect(found[0]?.entry).toBe(`${folder}/v.cdb:vera@ours.example`);
    expect(skipped).toEqual({ "refused there": 2, "bare name": 1, "foreign domain": 2 });
  });

  it("answers as John Simpson's look-up does, and opens no route behind a wildcard", async () => {
    const { from, path } = scene();
    await publish(path, [from]);
    const { reader, ask } = open(path);
    expect(expected.map(([address]) => [address, ask(address)])).toEqual(expected);
    expect(reader.state).toMatchObject({ kind: "open", rows: 4 });
    reader.close();
  });

  it("says in `check` and `explain` by which key", async () => {
    const { from, path, folder } = scene();
    await publish(path, [from]);
    const { reader, why } = open(path);
    const of = (key: string) => `of source "test", entry "${folder}/v.cdb:${key}"`;
    expect(why("any@all.example")).toBe(
      `catch-all "@all.example", which takes every address of the domain, ${of("@all.example")}`,
    );
    expect(why("list-y@ours.example")).toBe(
      `wildcard "list-default@ours.example", which takes every address with that beginning, ${of("list-default@ours.example")}`,
    );
    expect(why("gone@all.example")).toBe(`key "gone@all.example" ${of("gone@all.example")} refuses it`);
    reader.close();
  });

  it.each(["address", "user-part"] as const)(
    "is found in a keyed snapshot by %s, and shows no address",
    async (match) => {
      const secret = "0123456789abcdef".repeat(4);
      const { from, path } = scene();
      const log = memoryLog();
      await publish(path, [from], { protection: { ...unprotected, form: createKeyedForm(secret, match) }, log });
      const { reader, ask } = open(path, match, secret);
      expect(expected.filter(([text]) => !text.startsWith('""')).map(([text]) => [text, ask(text)])).toEqual(
        expected.filter(([text]) => !text.startsWith('""')),
      );
      expect(ask("any@ours.example")).toBe("unknown");
      reader.close();
    },
  );

  it("leaves the domain of a catch-all alone where the domain plays no part", async () => {
    const { from, path } = scene();
    await publish(path, [from]);
    const { reader, ask } = open(path, "user-part");
    expect(["any@all.example", "any@ours.example", '""@ours.example', "vera@all.example"].map(ask)).toEqual([
      "catchall",
      "unknown",
      "unknown",
      "account",
    ]);
    reader.close();
  });

  it("takes from another source what it refuses, and an account before a wildcard", async () => {
    const { from, path } = scene();
    await publish(path, [from, listSource("more", ["gone@all.example", "list-x-y@ours.example"])]);
    const { reader, ask } = open(path);
    expect(["gone@all.example", "list-x-y@ours.example"].map(ask)).toEqual(["account", "account"]);
    reader.close();
  });

  it("keeps an address that vanished in grace only where no wildcard takes it", async () => {
    const { from, path } = scene();
    const before = [listSource("test", ["old@all.example", "old@ours.example", "vera@ours.example"])];
    await publish(path, before, { grace: 3_600_000 });
    await publish(path, [from], { grace: 3_600_000, acceptShrink: true, acceptGrowth: true });
    const { reader, ask } = open(path);
    expect(["old@all.example", "old@ours.example"].map(ask)).toEqual(["catchall", "gone"]);
    reader.close();
  });

  it("is refused whole where it is torn, missing or no cdb", async () => {
    const folder = temporaryFolder();
    const read = (): ReturnType<typeof faultOf> => faultOf(source({ type: "cdb", url: ["v.cdb"] }, domains, folder));
    expect((await read()).reason).toBe("unreadable");
    const whole = writeCdb(Array.from({ length: 50 }, (_, i) => `user${i}@ours.example`));
    const torn = [
      whole.subarray(0, 1000),
      whole.subarray(0, whole.length - 8),
      Buffer.concat([whole.subarray(0, 2048), Buffer.from([255, 0, 0, 0]), whole.subarray(2052)]),
      Buffer.from(`# a list\n${"x".repeat(3000)}`),
    ];
    for (const bytes of torn) {
      writeFileSync(join(folder, "v.cdb"), bytes);
      expect(await read()).toMatchObject({ reason: "format", message: expect.stringContaining("v.cdb") as string });
    }
    // Some record's length: whatever follows is not a record.
    for (const at of [0, 1, 9].flatMap((record) => [2048 + record * 26, 2052 + record * 26])) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt32LE(7, at);
      writeFileSync(join(folder, "v.cdb"), bytes);
      expect((await read()).reason).toBe("format");
    }
    writeFileSync(join(folder, "v.cdb"), whole);
    expect((await readAll(source({ type: "cdb", url: ["v.cdb"] }, domains, folder))).found).toHaveLength(50);
  });

  it("gives nothing from an empty cdb, which no sync publishes", async () => {
    const { from, path } = scene([]);
    expect(await sync(path, [from])).toMatchObject({ kind: "refused" });
  });
});

describe("a catch-all in the list", () => {
  const opened = [
    {
      event: "catch-all addresses in the list, every address of their domains is accepted",
      source: "test",
      addresses: 1,
      domains: "all.example",
    },
  ];

  it("is named in a warning of every sync", async () => {
    const { from, path } = scene();
    for (const _ of [1, 2]) {
      const log = memoryLog();
      await publish(path, [from], { log });
      expect(
        log.lines.filter(({ level }) => level === "warning").map(({ event, fields }) => ({ event, ...fields })),
      ).toEqual(opened);
    }
  });

  it("is no news to a first list, but comes into a later one only by --accept-growth, and leaves by --accept-shrink", async () => {
    const { from, path } = scene();
    const plain = scene(simpson.filter(([key]) => !key.startsWith("@")));
    await publish(path, [plain.from]);
    expect(await sync(path, [from])).toMatchObject({
      kind: "refused",
      reasons: [expect.stringMatching(/^The catch-all "@all.example" would come into the list, .*--accept-growth/)],
    });
    await publish(path, [from], { acceptGrowth: true });
    expect(await sync(path, [plain.from])).toMatchObject({
      kind: "refused",
      reasons: expect.arrayContaining([
        expect.stringMatching(/^The catch-all "@all.example" would leave the list, .*--accept-shrink/),
      ]) as string[],
    });
    await publish(path, [plain.from], { acceptShrink: true });
    const { reader, ask } = open(path);
    expect(ask("any@all.example")).toBe("unknown");
    reader.close();
  });

  it("does the same in a keyed list, and in one that a source of type list gives", async () => {
    const protection = { ...unprotected, form: createKeyedForm("0123456789abcdef".repeat(4), "address") };
    const folder = temporaryFolder();
    const [path, file] = [join(folder, "snapshot.sqlite"), join(folder, "users")];
    writeFileSync(file, "vera@ours.example\n");
    const from = source({ type: "list", url: [file] }, domains, folder);
    await publish(path, [from], { protection });
    writeFileSync(file, "vera@ours.example\n@All.example\n*@alias.example\n");
    expect(await sync(path, [from], { protection })).toMatchObject({
      kind: "refused",
      reasons: [expect.stringMatching(/^The catch-all would come into the list/)],
    });
    await publish(path, [from], { protection, acceptGrowth: true });
    const { reader, ask } = open(path, "address", "0123456789abcdef".repeat(4));
    expect(ask("any@all.example")).toBe("catchall");
    reader.close();
  });
});

describe("a list with wildcards, exported", () => {
  async function exported(format: string, entries = simpson) {
    const { from, path, folder } = scene(entries);
    await publish(path, [from]);
    const settings = settingsOf(kontorConfig, folder);
    const reader = openSnapshot(path, memoryLog());
    try {
      const by = {
        ...settings,
        domains: { relay: ["ours.example", "all.example"], aliases: { "alias.example": "all.example" } },
      };
      return exportImage(reader.image ?? expect.unreachable(), by, format);
    } finally {
      reader.close();
    }
  }
  const withoutExtensions = simpson.filter(([key]) => !key.includes("-default"));

  it("is the same again as a validrcptto.cdb", async () => {
    const { bytes, left, open: loose } = await exported("validrcptto-cdb");
    expect([left, loose]).toEqual([[], []]);
    const cdb = new Cdb(bytes);
    const keys = ["vera@ours.example", "list-default@ours.example", "@all.example", "@alias.example"];
    expect(keys.map((key) => cdb.get(key))).toEqual(["", "", "", ""]);
    const refusals = ["list-x-default@ours.example", "gone@all.example", "gone@alias.example"];
    expect(refusals.map((key) => cdb.get(key))).toEqual(["-", "-", "-"]);
    expect(["@ours.example", "other@ours.example"].map((key) => cdb.get(key))).toEqual([undefined, undefined]);
  });

  it.each(["postfix", "texthash", "goodrcptto"])(
    "has its catch-alls as %s, and names the refusals that are lost",
    async (format) => {
      const { bytes, open: loose } = await exported(format, withoutExtensions);
      expect(bytes.toString()).toMatch(/^@all\.example( OK)?$/m);
      expect(bytes.toString()).not.toMatch(/gone@|""@/);
      expect(loose).toEqual(["gone@all.example", "gone@alias.example"]);
    },
  );

  it("is refused where the format would refuse whom they stand for", async () => {
    for (const format of ["goodmailto", "exim", "postfix", "goodrcptto"]) {
      await expect(exported(format)).rejects.toThrow(ExportFault);
    }
    for (const format of ["goodmailto", "exim"]) {
      await expect(exported(format, withoutExtensions)).rejects.toThrow(/"@all.example".*represents many/);
    }
  });
});
