import { readFile } from "node:fs/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { readAll, source } from "./reading.ts";

const directories = new URL("../directories/", import.meta.url).pathname;
const file = `${directories}active-directory.ldif`;

/** Every key that the directory gives, with what it is. */
const expected: Readonly<Record<string, string>> = {
  "anna.schmidt@kontor.example": "account",
  "aschmidt@kontor.example": "alias",
  "anna@kontor.example": "alias",
  "juergen.weiss@kontor.example": "account",
  "jürgen.weiß@kontor.example": "alias",
  "raum.elbe@kontor.example": "account",
  "info@kontor.example": "account",
  "kontakt@kontor.example": "alias",
  "epartner@kontor.example": "alias",
  "kaputt@kontor.example": "account",
  "blank@kontor.example": "account",
  "alte welt@kontor.example": "account",
  "o'neill@kontor.example": "alias",
  "a%b@kontor.example": "alias",
  "vertrieb@kontor.example": "group",
  "sales@kontor.example": "group",
  "presse@kontor.example": "group",
  "frei.mitarbeit@kontor.example": "alias",
  "hamburg@kontor.example": "group",
  "bewerbung@kontor.example": "mailin",
  "nur.intern@kontor.example": "account",
  "alle@kontor.example": "group",
};

describe("the active-directory preset", () => {
  describe.skipIf(missing("slapd"))("against slapd", () => {
    let slapd: Slapd;
    beforeAll(async () => {
      slapd = await startSlapd({
        suffix: "DC=kontor,DC=example",
        schemas: ["core", "cosine", "inetorgperson", "nis", "msuser", `${directories}exchange.schema`],
        ldif: await readFile(file, "utf8"),
      });
    });
    afterAll(() => slapd?.stop());

    const read = (settings: Parameters<typeof source>[0] = {}): ReturnType<typeof source> =>
      source({
        preset: "active-directory",
        base: "DC=kontor,DC=example",
        url: [slapd.ldap],
        page_size: 3,
        ...settings,
      });

    it("lists every mailbox, group and public folder, and says which of them are internal", async () => {
      const { found } = await readAll(read());
      expect(Object.fromEntries(found.map(({ key, kind }) => [key, kind]))).toEqual(expected);
      const internal = found.filter(({ rule }) => rule === "internal").map(({ key }) => key);
      expect(internal.toSorted()).toEqual(["alle@kontor.example", "nur.intern@kontor.example"]);
      expect(found.filter(({ rule }) => rule !== undefined)).toHaveLength(2);
    });

    it("counts what gives no key by why", async () => {
      const { skipped, entries } = await readAll(read());
      expect(entries).toBe(14);
      expect(skipped).toEqual({
        "other protocol": 5,
        "8-bit user part": 1,
        "foreign domain": 5,
        "no address": 3,
        "too long": 1,
        "control character": 1,
      });
    });

    it("gives the same keys from the LDIF file", async () => {
      const served = await readAll(read());
      const exported = await readAll(read({ type: "ldif", url: [file] }));
      expect(exported.keys).toEqual(served.keys);
      expect(exported.skipped).toEqual(served.skipped);
    });

    it("takes another filter and other attributes from the configuration", async () => {
      const { keys, found } = await readAll(
        read({ filter: "(sAMAccountName=*)", attributes: ["mail", "sAMAccountName"] }),
      );
      expect(keys).toContain("ohne@kontor.example");
      expect(keys).toContain("aschmidt");
      expect(keys).not.toContain("kontakt@kontor.example");
      // Internal only, whatever the filter lets through.
      expect(found.filter(({ rule }) => rule === "internal").map(({ key }) => key)).toEqual([
        "nur.intern@kontor.example",
        "intern",
      ]);
    });
  });
});
