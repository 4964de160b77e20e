import { unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { createDomains } from "../../src/mail/domains.ts";
import { silentLog } from "../../src/report/log.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createRecipients } from "../../src/snapshot/recipients.ts";
import { openSource } from "../../sync/sources/open.ts";
import { found, listSource, mailbox, memoryLog, publish, sync, temporaryFolder } from "../snapshot/fixture.ts";
import { source, sourceSettings } from "./reading.ts";

describe.each([
  ["plain", undefined],
  ["hashed", createKeyedForm("5a".repeat(32), "address")],
] as const)("a %s list with the catch-all of a directory", (_, form) => {
  const protection = form === undefined ? {} : { protection: { form, signer: undefined } };
  const trust = { match: "address", secret: form === undefined ? undefined : "5a".repeat(32), publicKeys: [] } as const;
  const entry = (name: string, more: string): string =>
    `dn: uid=${name},o=k\nobjectClass: ${name.startsWith("g") ? "mailGroup" : "inetOrgPerson"}\nmail: ${name}@kontor.example\n${more}\n`;
  const file =
    entry("gang", "mailLocalAddress: @kontor.example\n") + entry("anna", "mailLocalAddress: @werk.example\n");

  it("opens the domain that leaves it to the directory, also if the entry is a group, and keeps it while it fails", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "export"), file);
    const path = join(folder, "snapshot.sqlite");
    const domains = createDomains(["kontor.example", "werk.example"]);
    const takesCatchAll = (domain: string): boolean => domain === "kontor.example";
    const settings = sourceSettings({ type: "ldif", preset: "openldap", url: ["export"] });
    const from = openSource(settings, domains, folder, { takesCatchAll });
    await publish(path, [listSource("list", ["bert@kontor.example"]), from], protection);
    const answers = (): readonly string[] => {
      const reader = openSnapshot(path, silentLog, { trust });
      const said = (["list", "directory", "off"] as const).flatMap((catch_all) => {
        const rules = { match: "address" as const, always: [], recipient_delimiter: "+", catch_all };
        const { find } = createRecipients(reader, domains, rules);
        return ["x@kontor.example", "x@werk.example", "anna@kontor.example"].map((text) => {
          const answer = find(mailbox(text));
          return answer.kind === "known" ? answer.as : answer.kind;
        });
      });
      reader.close();
      return said;
    };
    const expected = [
      ...["unknown", "unknown", "account"],
      ...["catchall", "unknown", "account"],
      ...["unknown", "unknown", "account"],
    ];
    expect(answers()).toEqual(expected);
    // A source that cannot be read keeps its rows, and what they are.
    unlinkSync(join(folder, "export"));
    await publish(path, [listSource("list", ["bert@kontor.example"]), from], protection);
    expect(answers()).toEqual(expected);
  });

  it("may come later where the domain leaves it to the directory, and is held where it is below a suffix or of no such domain", async () => {
    const opening = async (domain: string): Promise<unknown> => {
      const path = join(temporaryFolder(), "snapshot.sqlite");
      const takesCatchAll = (one: string): boolean => one !== "werk.example";
      const options = { ...protection, takesCatchAll, relayDomains: ["kontor.example", "werk.example"] };
      const key = { ...found(`anna@${domain}`), key: `@${domain}` as never, kind: "catchall" as const };
      await publish(path, [listSource("a", ["anna@kontor.example"])], options);
      return (await sync(path, [listSource("a", ["anna@kontor.example", key])], options)).kind;
    };
    expect(await opening("kontor.example")).toBe("published");
    expect(await opening("werk.example")).toBe("refused");
    // Nobody can tell that of a hash.
    expect(await opening("nord.filiale.example")).toBe(form === undefined ? "published" : "refused");
  });
});

describe("a sync of a source with catch-all addresses", () => {
  async function warningsOf(type: "ldif" | "list", text: string): Promise<unknown[]> {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "export"), text);
    const log = memoryLog();
    const read = source({ type, preset: "openldap", url: ["export"] }, undefined, folder);
    await publish(join(folder, "snapshot.sqlite"), [read], { log });
    return log.lines.filter(({ level }) => level === "warning").map(({ event, fields }) => ({ event, ...fields }));
  }
  const warning = {
    event: "catch-all addresses left out, unknown users of their domains are refused",
    source: "test",
  };

  it("warns once, with their domains", async () => {
    const entry = (name: string, local: string): string =>
      `dn: uid=${name},o=k\nobjectClass: inetOrgPerson\nmail: ${name}@kontor.example\nmailLocalAddress: ${local}\n\n`;
    const text = entry("a", "@Kontor.Example") + entry("b", "@kontor.test") + entry("c", "@elsewhere.example");
    expect(await warningsOf("ldif", text)).toEqual([
      { ...warning, addresses: 2, domains: "kontor.example kontor.test" },
    ]);
  });

  it("says of a list that they are in it", async () => {
    expect(await warningsOf("list", "anna\n@kontor.example\n")).toEqual([
      {
        event: "catch-all addresses in the list, every address of their domains is accepted",
        source: "test",
        addresses: 1,
        domains: "kontor.example",
      },
    ]);
  });

  it("says nothing where there is none", async () => {
    expect(await warningsOf("list", "anna\nbert@kontor.example\n@elsewhere.example\n")).toEqual([]);
  });
});
