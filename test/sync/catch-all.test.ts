import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { source } from "./reading.ts";

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
