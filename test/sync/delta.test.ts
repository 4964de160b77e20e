/** News between full syncs, from a real slapd; and a real `sync --cron` that is asked for one at once. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { Attribute, Client } from "ldapts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { silentLog } from "../../src/report/log.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { runDelta } from "../../sync/run/delta.ts";
import type { Progress } from "../../sync/run/delta.ts";
import { readHistory } from "../../sync/remember/history.ts";
import type { JobOptions } from "../../sync/run/full.ts";
import { openPrevious } from "../../sync/list/previous.ts";
import { rollBack } from "../../sync/run/rollback.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import type { Source } from "../../sync/source.ts";
import { missing } from "../fakes/need.ts";
import { type Slapd, startSlapd } from "../fakes/slapd.ts";
import { memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";
import { kontor, source } from "./reading.ts";

const run = promisify(execFile);

describe.skipIf(missing("slapd"))("a delta", () => {
  let slapd: Slapd;
  let client: Client;
  beforeAll(async () => {
    const people = Array.from({ length: 30 }, (_, i) => person(`u${i}`));
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: ["dn: o=Kontor\nobjectClass: organization\no: Kontor\n", ...people].join("\n"),
    });
    client = new Client({ url: slapd.ldap });
    await client.bind(slapd.rootDn, slapd.rootPassword);
  });
  afterAll(async () => {
    await client?.unbind();
    await slapd?.stop();
  });

  function person(name: string): string {
    return `dn: uid=${name},o=Kontor\nobjectClass: inetOrgPerson\nuid: ${name}\ncn: ${name}\nsn: ${name}\nmail: ${name}@kontor.example\n`;
  }

  async function add(name: string): Promise<void> {
    await client.add(`uid=${name},o=Kontor`, [
      ...Object.entries({
        objectClass: "inetOrgPerson",
        uid: name,
        cn: name,
        sn: name,
        mail: `${name}@kontor.example`,
      }).map(([type, value]) => new Attribute({ type, values: [value] })),
    ]);
    onTestFinished(() => client.del(`uid=${name},o=Kontor`).catch(() => undefined));
  }

  function directory(changes: "preset" | "none" | "modifyTimestamp" | "uSNChanged" = "preset"): Source {
    return source({ preset: "openldap", base: "o=Kontor", url: [slapd.ldap], page_size: 7, changes }, kontor);
  }

  function options(path: string, from: Source, more: Partial<JobOptions> = {}): JobOptions {
    return {
      sources: [from],
      settings: { max_shrink: 0.1, keep: 3 },
      path,
      log: memoryLog(),
      signal: AbortSignal.timeout(20_000),
      now: Date.now,
      version: "0",
      ...more,
    };
  }

  function has(path: string, name: string): boolean {
    const reader = openSnapshot(path, silentLog);
    const row = reader.image?.findAddress(`${name}@kontor.example`);
    reader.close();
    return row?.gone === 0;
  }

  it.each(["preset", "modifyTimestamp"] as const)(
    "by %s adds what is new, and only a full sync removes",
    async (by) => {
      const path = join(temporaryFolder(), "snapshot.sqlite");
      const from = directory(by);
      await publish(path, [from]);
      const before = readFileSync(path);
      const progress: Progress = new Map();
      expect(await runDelta(options(path, from), progress)).toEqual({ kind: "nothing", why: "nothing is new" });
      expect(readFileSync(path).equals(before)).toBe(true);

      await add("fresh");
      const added = await runDelta(options(path, from), progress);
      expect(added).toMatchObject({ kind: "published", facts: { added: 1, removed: 0, addresses: 31 } });
      expect(has(path, "fresh")).toBe(true);
      expect(has(path, "u7")).toBe(true);
      // A place among the lists that are kept is for the next full sync.
      expect(existsSync(`${path}.1`)).toBe(false);

      await client.del("uid=fresh,o=Kontor");
      expect((await runDelta(options(path, from), progress)).kind).toBe("nothing");
      expect(has(path, "fresh")).toBe(true);
      await publish(path, [from]);
      expect(has(path, "fresh")).toBe(false);
      expect(readHistory(path).lists.map(({ addresses }) => addresses)).toEqual([30, 31]);
    },
  );

  it("makes whole what comes back within its grace, in a keyed list too", async () => {
    for (const form of [undefined, createKeyedForm("5a".repeat(32), "address")]) {
      const path = join(temporaryFolder(), "snapshot.sqlite");
      const more = { protection: { form, signer: undefined }, grace: 3_600_000, now: Date.now };
      await add("again");
      await publish(path, [directory()], more);
      await client.del("uid=again,o=Kontor");
      await publish(path, [directory()], more);
      expect((await runDelta(options(path, directory(), more))).kind).toBe("nothing");
      await add("again");
      const outcome = await runDelta(options(path, directory(), more));
      expect(outcome).toMatchObject({ kind: "published", facts: { added: 1, removed: 0 } });
      await client.del("uid=again,o=Kontor");
    }
  });

  it("leaves the list alone where only a full sync can tell, and while it is held", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    expect(await runDelta(options(path, directory()))).toMatchObject({
      kind: "nothing",
      why: expect.stringContaining("full sync") as string,
    });
    await publish(path, [directory("none")]);
    await add("late");
    expect((await runDelta(options(path, directory("none")))).kind).toBe("nothing");
    // The full sync noted nothing to go on from.
    expect((await runDelta(options(path, directory()))).kind).toBe("nothing");
    // A server without change numbers.
    await publish(path, [directory("uSNChanged")]);
    expect((await runDelta(options(path, directory("uSNChanged")))).kind).toBe("nothing");
    await publish(path, [directory()]);
    await add("later");
    const form = createKeyedForm("5a".repeat(32), "address");
    expect((await runDelta(options(path, directory(), { protection: { form, signer: undefined } }))).kind).toBe(
      "nothing",
    );
    rollBack({
      path,
      from: path,
      reason: "look",
      keep: 3,
      keepFor: 0,
      protection: unprotected,
      now: Date.now(),
      log: silentLog,
    });
    expect((await runDelta(options(path, directory()))).kind).toBe("held");
    expect(has(path, "later")).toBe(false);
  });

  it("is not believed where it grows out of measure, and waits for its server", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [directory()]);
    await add("one");
    const away = source({ preset: "openldap", url: ["ldap://127.0.0.1:1"], domains: [] }, kontor);
    expect((await runDelta(options(path, away))).kind).toBe("nothing");
    const canaries = [{ text: "boss@kontor.example", keys: ["boss@kontor.example"] }];
    expect((await runDelta(options(path, directory(), { canaries }))).kind).toBe("refused");
    expect((await runDelta(options(path, directory()))).kind).toBe("published");
  });

  it("is asked for by --delta with `[sync] delta`, without which full syncs do not ask how far the changes are", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "goodmailto.toml");
    const path = join(folder, "snapshot.sqlite");
    const sync = (...words: string[]): Promise<{ readonly code: number; readonly said: string }> =>
      run(process.execPath, [main, "sync", ...words, "-c", config], { timeout: 30_000 }).then(
        ({ stdout }) => ({ code: 0, said: stdout }),
        (error: { code: number; stderr: string }) => ({ code: error.code, said: error.stderr }),
      );
    const write = (delta: string): void =>
      writeFileSync(
        config,
        `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n[sync]\ndelta = "${delta}"
[[source]]\nname = "test"\ntype = "ldap"\npreset = "openldap"\nbase = "o=Kontor"\nurl = ["${slapd.ldap}"]\n`,
      );
    const reached = (): string | undefined => {
      const { previous } = openPrevious(path, 0);
      previous?.close();
      return previous?.sources.get("test")?.reached;
    };
    write("0s");
    expect((await sync()).code).toBe(0);
    expect(reached()).toBe("");
    expect(await sync("--delta")).toMatchObject({ code: 2, said: expect.stringContaining("`[sync] delta`") as string });
    write("1h");
    expect((await sync("--delta")).said).toContain("did not note up to where changes are known");
    expect((await sync()).code).toBe(0);
    expect(reached()).toMatch(/^entryCSN \d{14}$/);
    await add("timed");
    expect((await sync("--delta")).code).toBe(0);
    expect(has(path, "timed")).toBe(true);
  });

  it("runs within sync --cron, which also answers sync --now", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "goodmailto.toml");
    const path = join(folder, "snapshot.sqlite");
    writeFileSync(
      config,
      `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "snapshot.sqlite"\n[sync]\nschedule = "0 0 1 1 *"\njitter = "0s"\ndelta = "200ms"
[[source]]\nname = "test"\ntype = "ldap"\npreset = "openldap"\nbase = "o=Kontor"\nurl = ["${slapd.ldap}"]\n`,
    );
    const now = (): Promise<{ readonly code: number; readonly said: string }> =>
      run(process.execPath, [main, "sync", "--now", "-c", config], { timeout: 30_000 }).then(
        ({ stdout }) => ({ code: 0, said: stdout }),
        (error: { code: number; stderr: string }) => ({ code: error.code, said: error.stderr }),
      );
    expect(await now()).toMatchObject({ code: 69 });
    writeFileSync(`${path}.now`, "left by somebody");
    const child = spawn(process.execPath, [main, "sync", "--cron", "-c", config], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(child, "exit");
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    await expect.poll(() => said, { timeout: 20_000, interval: 20 }).toMatch(/sync: published entries=30/);
    await add("quick");
    await expect.poll(() => said, { timeout: 20_000, interval: 20 }).toMatch(/sync: "?added new entries"? .*added=1/);
    expect(has(path, "quick")).toBe(true);
    await client.del("uid=quick,o=Kontor");
    expect(await now()).toMatchObject({
      code: 0,
      said: expect.stringMatching(/^published 30 addresses .* 1 removed/) as string,
    });
    expect(has(path, "quick")).toBe(false);
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(await now()).toMatchObject({ code: 69 });
  }, 60_000);
});
