import { readFile } from "node:fs/promises";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { foldAscii, normalKey, parseMailbox } from "../../src/mail/address.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { kontor, readAll, source } from "./reading.ts";

const directories = new URL("../directories/", import.meta.url).pathname;

interface Expectation {
  readonly address: string;
  readonly verdict: string;
  readonly why: string;
}

async function expectations(): Promise<Expectation[]> {
  const text = await readFile(`${directories}domino.expected.tsv`, "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [address = "", verdict = "", why = ""] = line.split("\t");
    return { address, verdict, why };
  });
}

/** The relay's rule: the address in its relay domain, then the bare user part, then what always exists. */
function verdict(address: string, keys: ReadonlySet<string>): string {
  const mailbox = parseMailbox(address);
  if (mailbox === undefined) {
    return "reject";
  }
  const domain = mailbox.domain === "" ? "" : kontor.canonical(mailbox.domain);
  if (domain === undefined) {
    return "reject";
  }
  const user = foldAscii(mailbox.user);
  const known = keys.has(normalKey(user, domain)) || keys.has(user) || ["postmaster", "abuse"].includes(user);
  return known ? "accept" : "reject";
}

describe("the domino preset", () => {
  describe.skipIf(missing("slapd"))("against slapd", () => {
    let slapd: Slapd;
    beforeAll(async () => {
      slapd = await startSlapd({
        suffix: "o=Kontor",
        schemas: ["core", "cosine", "inetorgperson", `${directories}domino.schema`],
        ldif: await readFile(`${directories}domino.ldif`, "utf8"),
      });
    });
    afterAll(() => slapd?.stop());

    const domino = { preset: "domino", notes_domain: "KONTOR", page_size: 7 } as const;

    it("accepts and refuses every address as Domino does", async () => {
      const { keys, entries } = await readAll(source({ ...domino, url: [slapd.ldap] }));
      expect(entries).toBe(65);
      const lines = await expectations();
      expect(lines.length).toBeGreaterThan(190);
      const wrong = lines.filter((line) => verdict(line.address, keys) !== line.verdict);
      expect(wrong).toEqual([]);
    });

    it("gives the same keys from the LDIF file", async () => {
      const served = await readAll(source({ ...domino, url: [slapd.ldap] }));
      const file = await readAll(source({ ...domino, type: "ldif", url: [`${directories}domino.ldif`] }));
      expect(file.keys).toEqual(served.keys);
      expect(file.entries).toBe(served.entries);
      expect(file.skipped).toEqual(served.skipped);
    });

    it("keeps full addresses only while lookup is fullname", async () => {
      const { keys } = await readAll(source({ ...domino, lookup: "fullname", url: [slapd.ldap] }));
      expect([...keys].filter((key) => !key.includes("@"))).toEqual([]);
      expect(keys).toContain("vera.yildiz@kontor.example");
      expect(keys).toContain("neumann-team@kontor.example");
      expect(keys).toContain("jan_becker%kontor@kontor.example");
      expect(keys).not.toContain("wolfgang_huber%kontor@kontor.example");
    });

    it("keeps bare user parts only while lookup is local", async () => {
      const { keys } = await readAll(source({ ...domino, lookup: "local", url: [slapd.ldap] }));
      expect([...keys].filter((key) => key.includes("@") && !key.includes("%"))).toEqual([]);
      for (const user of ["vyildiz", "vera.yildiz", "wolfgang_huber", "wolfgang.huber", "neumann-team", "rechnung"]) {
        expect(keys).toContain(user);
      }
    });

    it("says what each key is", async () => {
      const { found } = await readAll(source({ ...domino, url: [slapd.ldap] }));
      const kinds = Object.fromEntries(found.map(({ key, kind }) => [key, kind]));
      expect(kinds).toMatchObject({
        "vera.yildiz@kontor.example": "account",
        vyildiz: "shortname",
        alias13: "alias",
        "vertrieb@kontor.example": "group",
        "rechnung@kontor.example": "mailin",
      });
    });

    it("counts what gives no key by why", async () => {
      const { skipped } = await readAll(source({ ...domino, url: [slapd.ldap] }));
      expect(skipped).toMatchObject({
        "invented address": 3,
        "foreign domain": 3,
        "group that takes no mail": 3,
      });
      expect(skipped["8-bit user part"]).toBeUndefined();
    });

    it("takes no percent form without a Notes domain", async () => {
      const { keys, skipped } = await readAll(source({ ...domino, notes_domain: "", url: [slapd.ldap] }));
      expect([...keys].filter((key) => key.includes("%"))).toEqual([]);
      expect(skipped["names a route"]).toBe(3);
    });
  });
});
