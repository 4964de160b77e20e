/** Header fields, their changes, and MIME parts, of what untrusted clients write. */
import type { SplitterChunk } from "@zone-eu/mailsplit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { checkEdit, EditedHeader } from "../../src/message/edit.ts";
import { HeaderFields, readHeader } from "../../src/message/header.ts";
import { MimeReader, newSplitter, treeOfHeader } from "../../src/message/mime.ts";
import type { MimeTree } from "../../src/message/mime.ts";
import { PartLines } from "../../src/message/part-lines.ts";

describe("HeaderFields", () => {
  const fields = new HeaderFields(
    () => "Subject: =?utf-8?B?RMO2?=\r\n =?utf-8?B?c2U=?=\r\nX: 1\r\nnot a field\r\nx : 2\r\nTo: J\xc3\xbcrgen\r\n",
  );

  it("has names, values, the nth, and text", () => {
    expect(fields.names).toEqual(["subject", "x", "to"]);
    expect(fields.values("X")).toEqual(["1", "2"]);
    expect([fields.nth("x", 2), fields.nth("x", 3), fields.text("subject")]).toEqual(["2", undefined, "Döse"]);
    expect(fields.text("to")).toBe("Jürgen");
    expect(fields.all).toHaveLength(5);
  });

  it("is made once, when it is first asked", () => {
    let asked = 0;
    const lazy = new HeaderFields(() => `A: ${++asked}\r\n`);
    expect(asked).toBe(0);
    expect([lazy.nth("a", 1), lazy.nth("a", 1)]).toEqual(["1", "1"]);
    expect(lazy.values("a")).toBe(lazy.values("A"));
  });

  it("never fails or loses an octet, whatever the section", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", ":", " ", "\r\n", "\t", ".", "\xff", "=?x?Q?"), { maxLength: 60 }),
        (parts) => {
          const section = parts.join("");
          const edited = new EditedHeader(section);
          expect(edited.wire()).toBe(section);
          void new HeaderFields(() => section).names.map((name) => new HeaderFields(() => section).text(name));
          edited.apply({ kind: "insert", index: 0, line: "New: 1" });
          edited.apply({ kind: "delete", name: "New", nth: 1 });
          expect(edited.content).toBe(new EditedHeader(section).content);
        },
      ),
    );
  });
});

describe("the end of the header section", () => {
  const sections = ["", "A: b\r\n", "A: b\r\n c\r\nD: \xff\r\n", "\r: x\r\n"];
  async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < bytes.length; at += size) {
      yield bytes.subarray(at, at + size);
    }
  }

  it("is found in any segmentation", async () => {
    for (const section of sections) {
      for (const size of [1, 2, 3, 4, 5, 100]) {
        const bytes = Buffer.from(`${section}\r\nbody\r\n\r\n`, "latin1");
        const source = pieces(bytes, size);
        const { header, rest } = await readHeader(source);
        const more: Buffer[] = [rest];
        for await (const piece of source) {
          more.push(piece);
        }
        expect([header, Buffer.concat(more).toString()]).toEqual([section, "body\r\n\r\n"]);
        expect((await readHeader(pieces(Buffer.from(section, "latin1"), size))).header).toBe(section);
      }
    }
  });

  it("costs no more for each octet of a long section that comes octet by octet", async () => {
    const section = "A: b\r\n".repeat(50_000);
    const { header } = await readHeader(pieces(Buffer.from(`${section}\r\n`), 1));
    expect(header).toBe(section);
  });
});

describe("a change of the header section", () => {
  it("must be one field", () => {
    const bad = [
      "",
      "no colon",
      "A: b\r\nB: c",
      "A: b\r\n \r\n x",
      "A: b\n",
      "A: \0",
      `A: ${"x".repeat(1000)}`,
      "A: €",
    ];
    for (const line of bad) {
      expect(() => checkEdit({ kind: "insert", index: 0, line }), JSON.stringify(line)).toThrow(RangeError);
    }
    expect(() => checkEdit({ kind: "insert", index: 0, line: "A: b\r\n\tc" })).not.toThrow();
    expect(() => checkEdit({ kind: "change", name: "A", nth: 0, value: "b" })).toThrow(RangeError);
  });

  it("counts what the relay puts in front as one field where it is to, and else only what is below it", () => {
    const header = new EditedHeader("A: 1\r\nB: 2\r\n");
    const insert = (kind: "insert" | "insert-around", index: number, line: string): void =>
      header.apply({ kind, index, line });
    insert("insert-around", 1, "C: below");
    insert("insert-around", 0, ".D: top");
    insert("insert-around", 1, "E: above");
    insert("insert", 0, "F: below");
    insert("insert-around", 4, "G: between");
    insert("insert-around", 99, "H: end");
    const below = "F: below\r\nG: between\r\nC: below\r\nA: 1\r\nB: 2\r\nH: end\r\n";
    expect(header.wire("Own: x\r\n")).toBe(`..D: top\r\nE: above\r\nOwn: x\r\n${below}`);
    expect(header.content).toBe(`.D: top\r\nE: above\r\n${below}`);
    header.apply({ kind: "delete", name: ".d", nth: 1 });
    header.apply({ kind: "delete-received", name: "A" });
    insert("insert", 0, "I: below");
    expect(header.wire("Own: x\r\n")).toMatch(/^E: above\r\nOwn: x\r\nI: below\r\nF: below\r\n/);
    expect(header.wire()).not.toContain("A: 1");
  });

  it("counts the fields of a name, and adds what is not there at the end", () => {
    const header = new EditedHeader("A: 1\r\nB: 2\r\na: 3\r\n");
    header.apply({ kind: "change", name: "A", nth: 2, value: "4" });
    header.apply({ kind: "change", name: "C", nth: 1, value: "5" });
    header.apply({ kind: "delete", name: "b", nth: 1 });
    header.apply({ kind: "insert", index: 1, line: ".D: 6" });
    expect(header.wire()).toBe("A: 1\r\n..D: 6\r\nA: 4\r\nC: 5\r\n");
    header.apply({ kind: "delete", name: "A", nth: 0 });
    expect(header.content).toBe(".D: 6\r\nC: 5\r\n");
  });
});

async function read(text: string, size = 1000): Promise<MimeTree> {
  const reader = new MimeReader();
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at += size) {
    await reader.take(bytes.subarray(at, at + size));
  }
  return reader.tree();
}

/** What mailsplit alone says of a whole message. */
async function typesIn(message: string): Promise<string[]> {
  const types: string[] = [];
  const chunks: AsyncIterable<SplitterChunk> = newSplitter().end(Buffer.from(message, "latin1"));
  for await (const chunk of chunks) {
    if (chunk.type === "node") {
      types.push(chunk.contentType === false ? "text/plain" : chunk.contentType);
    }
  }
  return types;
}

describe("MimeReader", () => {
  const nested = [
    "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain; charset=KOI8-R\r\n\r\nx\r\n",
    '--a\r\nContent-Type: application/x-msdownload; name="a.exe"\r\nContent-Disposition: attachment;',
    " filename*=utf-8''d%C3%B6.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVo=\r\n",
    "--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: text/html\r\n\r\n<p>\r\n--a--\r\n",
  ].join("");

  it("lists types, charsets, names and levels, in any segmentation", async () => {
    for (const size of [1, 7, 10_000]) {
      const { parts, incomplete } = await read(nested, size);
      expect(incomplete).toBe(false);
      expect(parts.map(({ type, level }) => `${level} ${type}`)).toEqual([
        "0 multipart/mixed",
        "1 text/plain",
        "1 application/x-msdownload",
        "1 message/rfc822",
        "2 text/html",
      ]);
      expect(parts[1]?.charset.toLowerCase()).toBe("koi8-r");
      expect(parts[2]).toMatchObject({
        name: "a.exe",
        filename: "dö.exe",
        disposition: "attachment",
        encoding: "base64",
      });
    }
  });

  it("ends at 1000 parts and at 100 levels, and says so", async () => {
    const many = `Content-Type: multipart/mixed; boundary=a\r\n\r\n${"--a\r\n\r\nx\r\n".repeat(1500)}--a--\r\n`;
    const wide = await read(many);
    expect([wide.incomplete, wide.parts.length <= 1000]).toEqual([true, true]);
    const deep = await read("Content-Type: message/rfc822\r\n\r\n".repeat(300));
    expect([deep.incomplete, deep.parts.length <= 100]).toEqual([true, true]);
    expect((await read("Content-Type: multipart/mixed\r\n\r\n")).incomplete).toBe(false);
  });

  it("and the header section alone say the same of a message without parts", async () => {
    const line = fc.constantFrom(
      "Subject: x\r\n",
      "Content-Type: text/html; charset=utf-8\r\n",
      "Content-Type: text/plain; name*=utf-8''d%C3%B6.exe (c)\r\n",
      "content-type : Text/X\r\n",
      "Content-Type: multipart/mixed\r\n",
      "Content-Type: multipart/mixed; boundary=a\r\n",
      "Content-Type: message/rfc822\r\n",
      "Content-Type: message/(c)rfc822\r\n",
      'Content-Disposition: attachment; filename="=?utf-8?Q?a=2Eexe?="\r\n',
      "Content-Transfer-Encoding: BASE64\r\n",
      "From a@b Thu\r\n",
      " Content-Type: text/folded\r\n",
      "no field\r\n",
      "\xff: \xfe\r\n",
    );
    const heads = fc.array(line, { maxLength: 6 }).map((lines) => lines.join(""));
    await fc.assert(
      fc.asyncProperty(heads, async (head) => {
        const alone = treeOfHeader(head);
        const whole = await read(`${head}\r\n--a\r\nContent-Type: text/part\r\n\r\nx\r\n--a--\r\n`);
        expect(whole).toEqual(alone ?? whole);
        expect(await read(head)).toEqual(alone ?? (await read(head)));
        // The body is read only where it may hold parts.
        expect(alone !== undefined || /multipart|rfc822/.test(head)).toBe(true);
      }),
      { numRuns: 300 },
    );
    const long = "X: y\r\n".repeat(5000);
    expect([treeOfHeader(long), (await read(`${long}\r\n`)).incomplete]).toEqual([undefined, true]);
  });

  it("finds the same parts without reading what cannot be a delimiter, in any segmentation", async () => {
    const line = fc.constantFrom(
      ...["Content-Type: multipart/mixed; boundary=a", "Content-Type: multipart/mixed; boundary=-b", "Content-Type:"],
      ...[" message/rfc822", "Content-Type: message/(x)rf(y)c822", "Content-Type: message/rfc822", "Subject: rfc822"],
      ...["", "", "", "--a", "--a", "--a--", "---b", "---b--", "-- ", "-", "--", "text", " --a", "a--a", "--ab"],
      ...["Content-Type: text/html"],
    );
    const messages = fc.array(line, { maxLength: 30 }).map((lines) => `${lines.join("\r\n")}\r\n`);
    await fc.assert(
      fc.asyncProperty(messages, fc.integer({ min: 1, max: 9 }), async (body, size) => {
        const message = `Content-Type: multipart/mixed; boundary=a\r\n\r\n${body}`;
        const { parts } = await read(message, size);
        expect(parts.map(({ type }) => type)).toEqual(await typesIn(message));
      }),
      { numRuns: 500 },
    );
  });

  it("reads little of a large part", () => {
    const lines = new PartLines(1000);
    const large = Buffer.from(`${"x".repeat(70)}\r\n`.repeat(10_000));
    const head = Buffer.from("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nA: b\r\n\r\n");
    const kept = [head, large, Buffer.from("--a--\r\n")].flatMap((piece) => lines.push(piece));
    expect(Buffer.concat(kept).toString()).toBe(`${head.toString()}--a--\r\n`);
  });

  it("survives whatever comes", async () => {
    const piece = fc.constantFrom(
      "Content-Type: multipart/mixed; boundary=a\r\n",
      "\r\n",
      "--a\r\n",
      "--a--\r\n",
      "x",
      "\n",
      "\xff",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        expect((await read(pieces.join(""), 5)).parts.length).toBeLessThanOrEqual(1000);
      }),
      { numRuns: 50 },
    );
  });
});
