/** News by change number, as Active Directory counts: slapd with its attributes, and a root DSE that says the highest. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Attribute, Client } from "ldapts";
import { describe, expect, it, onTestFinished } from "vitest";

import { runDelta } from "../../sync/run/delta.ts";
import type { JobOptions } from "../../sync/run/job.ts";
import type { Source } from "../../sync/source.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { source } from "./reading.ts";

const schema = new URL("../directories/change-number.schema", import.meta.url).pathname;

/** A server that says it has counted so far, under that name. @param database its invocationId, which all may read */
async function start(highest: number, server: string, database = ""): ReturnType<typeof startSlapd> {
  const folder = temporaryFolder();
  const rootDse = join(folder, "root.ldif");
  writeFileSync(rootDse, `dn:\nhighestCommittedUSN: ${highest}\ndsServiceName: CN=${server},o=Kontor\n`);
  const entry = (name: string, number: number): string =>
    `dn: cn=${name},o=Kontor\nobjectClass: inetOrgPerson\nobjectClass: counted\ncn: ${name}\nsn: ${name}\nmail: ${name}@kontor.example\nuSNChanged: ${number}\n`;
  const itself = `dn: CN=${server},o=Kontor\nobjectClass: device\nobjectClass: counted\ncn: ${server}\ninvocationId: ${database}\n`;
  const slapd = await startSlapd({
    suffix: "o=Kontor",
    schemas: ["core", "cosine", "inetorgperson", schema],
    global: [`rootDSE ${rootDse}`],
    ldif: ["dn: o=Kontor\nobjectClass: organization\no: Kontor\n", entry("a", 7), entry("b", 41)]
      .concat(database === "" ? [] : itself)
      .join("\n"),
  });
  onTestFinished(() => slapd.stop());
  rmSync(rootDse, { force: true });
  return slapd;
}

function from({ ldap }: Slapd): Source {
  return source({ preset: "generic", base: "o=Kontor", url: [ldap], changes: "uSNChanged" });
}

/** Why a delta at this server says nothing. */
async function refusalOf(options: JobOptions, server: Slapd): Promise<unknown> {
  const log = memoryLog();
  expect((await runDelta({ ...options, log, sources: [from(server)] })).kind).toBe("nothing");
  return log.lines.find(({ level }) => level === "error")?.fields["detail"];
}

describe.skipIf(missing("slapd"))("a delta by change number", () => {
  it("asks beyond the highest number of before, and only the server that counted it", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const first = await start(41, "DC1");
    const options = {
      sources: [from(first)],
      settings: { max_shrink: 0.1, keep: 3 },
      path,
      log: memoryLog(),
      signal: AbortSignal.timeout(20_000),
      now: Date.now,
      version: "0",
    };
    await publish(path, options.sources);
    const client = new Client({ url: first.ldap });
    await client.bind(first.rootDn, first.rootPassword);
    const add = (name: string, number: number): Promise<void> =>
      client.add(
        `cn=${name},o=Kontor`,
        Object.entries({ sn: name, cn: name, mail: `${name}@kontor.example`, uSNChanged: String(number) })
          .map(([type, value]) => new Attribute({ type, values: [value] }))
          .concat(new Attribute({ type: "objectClass", values: ["inetOrgPerson", "counted"] })),
      );
    // Counted before the list was read: it was in there, or the server miscounts.
    await add("early", 41);
    expect((await runDelta(options)).kind).toBe("nothing");
    await add("late", 42);
    expect(await runDelta(options)).toMatchObject({ kind: "published", facts: { entries: 1, added: 1 } });
    await client.unbind();

    expect(await refusalOf(options, await start(99, "DC2"))).toContain("Another domain controller");
  });

  it("asks nothing of a server that was restored: it gives numbers of before to other changes", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const first = await start(41, "DC1", "one");
    const options = {
      sources: [from(first)],
      settings: { max_shrink: 0.1, keep: 3 },
      path,
      log: memoryLog(),
      signal: AbortSignal.timeout(20_000),
      now: Date.now,
      version: "0",
    };
    await publish(path, options.sources);
    expect(await refusalOf(options, await start(41, "DC1", "one"))).toBeUndefined();
    expect(await refusalOf(options, await start(41, "DC1", "two"))).toContain("has another invocationId");
    expect(await refusalOf(options, await start(40, "DC1", "one"))).toContain("has counted fewer changes");
    // Who may not read it goes on as before.
    expect(await refusalOf(options, await start(41, "DC1"))).toBeUndefined();
  });
});
