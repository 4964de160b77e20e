import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { SourceSettings } from "../../src/config/schema.ts";
import { probeSource } from "../../sync/look/probe.ts";
import { classesFit } from "../../sync/sources/unasked.ts";
import { presets } from "../../sync/presets/registry.ts";
import { parseFilter } from "../../sync/sources/filter.ts";
import { temporaryFolder } from "../snapshot/fixture.ts";
import { kontor, readAll, source, sourceSettings } from "./reading.ts";

describe("what a filter says of object classes", () => {
  const fits = (filter: string, ...classes: string[]): boolean | undefined =>
    classesFit(parseFilter(filter), { dn: "", attributes: new Map([["objectclass", classes]]) });

  it("is yes, no, or a matter of other attributes", () => {
    expect(fits("(objectClass=person)", "inetOrgPerson")).toBe(true);
    expect(fits("(2.5.4.0=group)", "user")).toBe(false);
    expect(fits("(mail=*)", "user")).toBeUndefined();
    expect(fits("(&(mail=*)(objectClass=group))", "user")).toBe(false);
    expect(fits("(&(mail=*)(objectClass=group))", "group")).toBeUndefined();
    expect(fits("(|(mail=*)(objectClass=group))", "user")).toBeUndefined();
    expect(fits("(!(objectClass=group))", "group")).toBe(false);
    expect(fits("(!(mail=*))", "group")).toBeUndefined();
  });

  it.each(Object.values(presets))("is never unknown to the preset $name for its own classes", ({ filter, classes }) => {
    const asked = [...filter.matchAll(/objectClass=(\w+)/g)].map(([, name = ""]) => name);
    const named = Object.keys(classes).filter((name) => asked.some((other) => other.toLowerCase() === name));
    for (const name of [...asked, ...named]) {
      expect(fits(filter, name)).not.toBe(false);
    }
  });
});

describe("a probe of an LDIF file", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gmto-unasked-"));
    const entry = (name: string, classes: string[], mail: string): string =>
      `dn: cn=${name},ou=All,o=k\n${classes.map((each) => `objectClass: ${each}\n`).join("")}mail: ${mail}\n\n`;
    await writeFile(
      join(folder, "a.ldif"),
      entry("a", ["top", "inetOrgPerson"], "a@kontor.example") +
        entry("r", ["top", "roomClass"], "r@kontor.example") +
        entry("s", ["top", "roomClass"], "s@Kontor.test") +
        entry("x", ["top", "partner"], "x@elsewhere.example"),
    );
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const warnings = async (more: Partial<SourceSettings>): Promise<string> => {
    const settings = sourceSettings({ type: "ldif", url: ["a.ldif"], preset: "openldap", ...more });
    return (await probeSource(settings, kontor, folder, AbortSignal.timeout(20_000))).warnings.join("\n");
  };

  it("names classes with addresses of ours, and no others", async () => {
    expect(await warnings({})).toMatch(/^2 entries .* such as "cn=r,ou=All,o=k", .* ask for: roomClass \(2\)\. If/m);
    expect(await warnings({})).not.toMatch(/partner|top \(/);
  });

  it("is not the only one to name them: a sync does so on its way", async () => {
    const hints = async (more: Partial<SourceSettings>): Promise<string> =>
      (
        await readAll(source({ type: "ldif", url: ["a.ldif"], preset: "openldap", ...more }, kontor, folder))
      ).hints.join();
    expect(await hints({})).toMatch(/^2 entries .* such as "cn=r,ou=All,o=k", .* ask for: roomClass \(2\)\. If/);
    expect(await hints({ resource_classes: ["roomclass"] })).toBe("");
    expect(await hints({ filter: "(objectClass=inetOrgPerson)" })).toBe("");
    expect(await hints({ preset: "generic" })).toBe("");
    expect(await hints({ base: "ou=None,o=k" })).not.toContain("ask for");
  });

  it("is content where the configuration names the class, has a filter of its own, or a base elsewhere", async () => {
    expect(await warnings({ resource_classes: ["roomclass"] })).not.toContain("ask for");
    expect(await warnings({ filter: "(objectClass=inetOrgPerson)" })).not.toContain("ask for");
    expect(await warnings({ base: "ou=None,o=k" })).not.toContain("ask for");
    expect(await warnings({ preset: "generic" })).not.toContain("ask for");
  });
});

describe("an Active Directory without Exchange", () => {
  const hintsOf = async (more: Partial<SourceSettings>, ldif: string): Promise<string[]> => {
    const own = temporaryFolder();
    await writeFile(join(own, "export.ldif"), ldif);
    const from = source({ type: "ldif", url: ["export.ldif"], preset: "active-directory", ...more }, kontor, own);
    const hints: string[] = [];
    for await (const batch of from.read(AbortSignal.timeout(20_000))) {
      hints.push(...(batch.hints ?? []).map(({ level, text }) => `${level} ${text}`));
    }
    return hints;
  };
  const user = (name: string, more = ""): string =>
    `dn: CN=${name},DC=k\nobjectClass: user\nmail: ${name}@kontor.example\n${more}\n`;

  it.each([
    ["nobody", user("a") + user("b"), "warning 2"],
    ["one of three", user("a") + user("b") + user("c", "proxyAddresses: SMTP:c@kontor.example\n"), "warning 2"],
    [
      "two of three",
      user("a") + ["b", "c"].map((name) => user(name, `proxyAddresses: SMTP:${name}@kontor.example\n`)).join(""),
      "info 1",
    ],
  ])("is told of where %s has proxyAddresses, with the filter that helps", async (_, ldif, start) => {
    const hints = await hintsOf({}, ldif);
    expect(hints).toContainEqual(
      expect.stringMatching(`^${start} entries .*, such as "CN=a,DC=k", have no proxyAddresses and are left out`),
    );
    const filter = /filter = "(.*)"$/m.exec(hints.join("\n"))?.[1];
    expect(await hintsOf({ filter: filter ?? "" }, ldif)).toEqual([]);
  });

  it("is nothing where the addresses are other domains', or the classes are not asked for", async () => {
    const text = "dn: CN=a,DC=k\nobjectClass: user\nmail: a@elsewhere.example\n\n";
    expect((await hintsOf({}, text)).join("\n")).not.toContain("have no");
  });
});
