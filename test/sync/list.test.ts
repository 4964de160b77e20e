import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { faultOf, readAll, source } from "./reading.ts";

describe("a goodmailto file as a source", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gmto-list-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const read = async (text: string): ReturnType<typeof readAll> => {
    await writeFile(join(folder, "goodmailto"), text);
    return readAll(source({ type: "list", url: ["goodmailto"] }, undefined, folder));
  };

  it("reads user parts and addresses, whatever the lines end with", async () => {
    const lines = [
      "# Aliases ####",
      "Info  ",
      "",
      "vertrieb@Kontor.Test",
      "# Accounts ####",
      "hmeier",
      "\tjdoe\t",
      "x@other.example",
    ];
    for (const end of ["\n", "\r\n"]) {
      const { found, entries, skipped } = await read(`\uFEFF${lines.join(end)}`);
      expect(found).toEqual([
        { key: "info", kind: "alias", entry: `${folder}/goodmailto:2` },
        { key: "vertrieb@kontor.example", kind: "alias", entry: `${folder}/goodmailto:4` },
        { key: "hmeier", kind: "account", entry: `${folder}/goodmailto:6` },
        { key: "jdoe", kind: "account", entry: `${folder}/goodmailto:7` },
      ]);
      expect(entries).toBe(5);
      expect(skipped).toEqual({ "foreign domain": 1 });
    }
  });

  it("skips and counts what is no recipient", async () => {
    const { found, skipped } = await read(
      [
        "a%b",
        "a!b",
        "Müller",
        "mü\u2028ller",
        "two words",
        `${"x".repeat(300)}`,
        "nul\0byte",
        "@kontor.example",
        "x@",
        '"a b"',
      ].join("\n"),
    );
    expect(found.map(({ key, kind }) => `${key} ${kind}`)).toEqual([
      "müller account",
      "@kontor.example catchall",
      "a b account",
    ]);
    expect(skipped).toEqual({
      "names a route": 2,
      "8-bit user part": 1,
      malformed: 2,
      "too long": 1,
      "control character": 1,
    });
  });

  it("is empty where the file is: the guard's business", async () => {
    expect(await read("")).toMatchObject({ entries: 0, found: [] });
    expect(await read("# Accounts ####\n")).toMatchObject({ entries: 0, found: [] });
  });

  it("hands over a large file in batches", async () => {
    const { entries, batches } = await read(Array.from({ length: 2500 }, (_, number) => `user${number}`).join("\n"));
    expect([entries, batches]).toEqual([2500, 3]);
  });

  it("refuses a line without end", async () => {
    await writeFile(join(folder, "goodmailto"), `hmeier\n${"x".repeat(200_000)}`);
    const fault = await faultOf(source({ type: "list", url: ["goodmailto"] }, undefined, folder));
    expect(fault).toMatchObject({ reason: "format", message: expect.stringContaining("goodmailto:2") });
  });

  it("takes the next file where the first is not there, and names one that cannot be read", async () => {
    await writeFile(join(folder, "second"), "hmeier\n");
    const { found } = await readAll(source({ type: "list", url: ["first", "second"] }, undefined, folder));
    expect(found.length).toBe(1);
    const fault = await faultOf(source({ type: "list", url: ["first", "third"] }, undefined, folder));
    expect(fault).toMatchObject({ reason: "unreadable", message: expect.stringContaining("third") });
  });
});
