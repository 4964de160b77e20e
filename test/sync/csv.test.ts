/** CSV files as sources: what spreadsheets, Exchange and PowerShell write, and what is no complete list. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { faultOf, readAll, source } from "./reading.ts";

const table = (text: string, settings: Partial<SourceSettings> = {}): ReturnType<typeof source> => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "export.csv"), text);
  return source({ type: "csv", url: ["export.csv"], ...settings }, undefined, folder);
};
const kindsOf = async (from: ReturnType<typeof source>): Promise<Record<string, string>> =>
  Object.fromEntries((await readAll(from)).found.map(({ key, kind }) => [key, kind]));

describe("a CSV file as a source", () => {
  it("reads the columns address and kind", async () => {
    const text = "address,kind\r\nAnna@kontor.example,\r\nteam@kontor.test,group\r\nbert,alias\r\n@kontor.example,\r\n";
    expect(await kindsOf(table(text))).toEqual({
      "anna@kontor.example": "account",
      "team@kontor.example": "group",
      bert: "alias",
      "@kontor.example": "catchall",
    });
  });

  it.each([
    ["semicolons", 'Name;E-Mail\n"Huber; Anna";anna@kontor.example\n'],
    ["tabs", "Name\tE-Mail\nAnna\tanna@kontor.example\n"],
    ["a byte order mark", "\uFEFFE-Mail,Name\nanna@kontor.example,Anna\n"],
    ["a quoted first column behind a byte order mark", '\uFEFF"E-Mail","Name"\n"anna@kontor.example","Anna"\n'],
    ["PowerShell's type line", '#TYPE Selected.Microsoft.Exchange\r\n"E-Mail"\r\n"anna@kontor.example"\r\n'],
    ["a cell of several lines", '"Note","E-Mail"\n"two\nlines ""quoted""","anna@kontor.example"\n'],
    ["no end of the last line", "E-Mail\nanna@kontor.example"],
  ])("reads %s, with the columns that attributes names", async (_, text) => {
    expect(await kindsOf(table(text, { attributes: ["E-Mail"] }))).toEqual({ "anna@kontor.example": "alias" });
  });

  it("reads Exchange's recipients: primary and other addresses, groups, rooms, and who may write", async () => {
    const text = `"PrimarySmtpAddress","EmailAddresses","RecipientTypeDetails","RequireSenderAuthenticationEnabled"
"anna@kontor.example","SMTP:anna@kontor.example,smtp:as@kontor.test,X500:/o=Kontor,SIP:anna@kontor.example","UserMailbox","False"
"team@kontor.example","SMTP:team@kontor.example","MailUniversalDistributionGroup","True"
"saal@kontor.example","SMTP:saal@kontor.example;smtp:room1@kontor.example","RoomMailbox","False"
`;
    const { found } = await readAll(table(text, { preset: "exchange" }));
    expect(found.map(({ key, kind, rule = "" }) => `${key} ${kind} ${rule}`.trim())).toEqual([
      "anna@kontor.example account",
      "as@kontor.example alias",
      "team@kontor.example group internal",
      "saal@kontor.example resource",
      "room1@kontor.example resource",
    ]);
    expect(found[0]?.entry).toMatch(/export\.csv:2$/);
  });

  it.each([
    [
      "a column that attributes names is gone",
      "E-Mail\na@kontor.example\n",
      { attributes: ["E-Mail", "Alias"] },
      /:1 has no column "alias", but "e-mail"/,
    ],
    ["no column with addresses", "Name\nAnna\n", {}, /has no column "address", but "name"; name the columns/],
    ["a row that broke off", "address,kind\na@kontor.example,\nb@kon", {}, /export\.csv:3: .*expect 2, got 1/],
    ["a quote that never ends", 'address,kind\na@kontor.example,"gro\n', {}, /export\.csv:\d: .*[Qq]uote/],
    ["UTF-16, as Excel saves Unicode text", "a\0d\0d\0r\0e\0s\0s\0\n\0", {}, /export\.csv:1: /],
    ["a row without an end", `address\n"${"x".repeat(1_200_000)}`, {}, /export\.csv:2: .*[Mm]ax/],
  ] satisfies [string, string, Partial<SourceSettings>, RegExp][])(
    "is no list: %s",
    async (_, text, settings, message) => {
      const fault = await faultOf(table(text, settings));
      expect(fault.message).toMatch(message);
      expect(fault.reason).toBe("format");
    },
  );

  it("says that there is nothing below the header, and that a file is missing", async () => {
    expect((await readAll(table("address\n"))).hints).toEqual([
      "no recipients: the CSV has no row below its names of columns",
    ]);
    expect((await faultOf(source({ type: "csv", url: ["/nowhere/export.csv"] }))).message).toMatch(
      /^Cannot read "\/nowhere\/export\.csv": /,
    );
  });

  it("refuses a preset of another kind of source", () => {
    expect(() => table("", { preset: "domino" })).toThrow('source "test": preset "domino" is not for CSV');
    expect(() => source({ preset: "exchange" })).toThrow('preset "exchange" is not for LDAP and LDIF');
  });
});
