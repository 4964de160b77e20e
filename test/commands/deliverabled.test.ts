/** `goodmailto deliverabled`: the verb as a process, from a snapshot, and live from a real slapd. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { Attribute, Client } from "ldapts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { missing } from "../fakes/need.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { found, listSource, publish, temporaryFolder } from "../snapshot/fixture.ts";
import { main } from "../program.ts";

interface Daemon {
  readonly port: number;
  readonly child: ChildProcess;
  readonly log: () => string;
  get(path: string, init?: RequestInit): Promise<Response>;
  ask(address: string): Promise<number>;
}

async function startDaemon(config: string, ...words: string[]): Promise<Daemon> {
  const child = spawn(process.execPath, [main, "deliverabled", "-c", config, "--listen", "127.0.0.1:0", ...words]);
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
  await expect.poll(() => log, { timeout: 20_000 }).toContain("deliverabled: ready");
  const port = Number(/listen=127\.0\.0\.1:(\d+)/.exec(log)?.[1]);
  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
  const ask = async (address: string): Promise<number> =>
    Number(await (await get(`/qd1/deliverable?${encodeURIComponent(address)}`)).text());
  return { port, child, log: () => log, get, ask };
}

function writeConfig(folder: string, text: string): string {
  const config = join(folder, "goodmailto.toml");
  const domains = '[domains]\nrelay = ["kontor.example"]\naliases = { "kontor.test" = "kontor.example" }\n';
  writeFileSync(config, `${domains}[snapshot]\npath = "snapshot.sqlite"\n${text}`);
  return config;
}

describe("deliverabled from a snapshot", () => {
  it("answers by the list, as the relay would", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "snapshot.sqlite");
    const rows = [
      "vera@kontor.example",
      '"nie mand0"@kontor.example',
      { ...found("later@kontor.example"), rule: "later" },
      { ...found("internal@kontor.example"), rule: "internal" },
    ];
    await publish(path, [listSource("list", [...rows, "gone@kontor.example"])]);
    const hour = { grace: 3_600_000, acceptShrink: true, now: Date.now };
    await publish(path, [listSource("list", rows)], hour);
    const daemon = await startDaemon(writeConfig(folder, '[recipients]\ngrace = "1h"\n'));
    const answers = async (...addresses: string[]) => Promise.all(addresses.map(daemon.ask));
    expect(await answers("Vera@Kontor.Test", "vera+news@kontor.example", "postmaster@kontor.example")).toEqual([
      241, 241, 241,
    ]);
    expect(await answers("nobody@kontor.example", "vera%x@kontor.example")).toEqual([0, 0]);
    expect(await answers("later@kontor.example", "internal@kontor.example", "gone@kontor.example")).toEqual([
      33, 34, 33,
    ]);
    expect(await answers("vera@elsewhere.example", "vera", "a b@c d")).toEqual([255, 255, 255]);
    // As qpsmtpd asks: without quotes. Whom we call foreign it would take, in its own domains.
    expect(await answers("nie mand0@kontor.example", "nie mand1@kontor.example")).toEqual([241, 0]);
    const odd = [
      "@kontor.example",
      `${"x".repeat(900)}@kontor.example`,
      "@x:vera@kontor.example",
      "v\u00e9ra@kontor.test",
    ];
    expect(await answers(...odd)).toEqual([0, 0, 0, 0]);
    expect(await answers("@elsewhere.example", "\u00e9@elsewhere.example")).toEqual([255, 255]);
    // One octet, as Perl has it.
    expect(await (await daemon.get("/qd1/deliverable?v%E4ra@kontor.example")).text()).toBe("0");
    const local = await daemon.get("/qd1/qmail_local?Vera@kontor.test");
    expect([local.status, await local.text()]).toEqual([200, "Vera"]);
    expect((await daemon.get("/qd1/qmail_local?vera@elsewhere.example")).status).toBe(204);
  }, 30_000);

  it("serves nothing else, and not to everybody", async () => {
    const folder = temporaryFolder();
    await publish(join(folder, "snapshot.sqlite"), [listSource("list", ["vera@kontor.example"])]);
    const daemon = await startDaemon(writeConfig(folder, ""));
    const statuses = await Promise.all(
      ["/", "/qd1/deliverable", "/qd1/deliverable?", "/qd1/deliverable?%E0%A4%A", "/qd1/dot_qmail?x@y"].map(
        async (path) => (await daemon.get(path)).status,
      ),
    );
    expect(statuses).toEqual([404, 404, 400, 400, 404]);
    expect((await daemon.get("/qd1/deliverable?vera@kontor.example", { method: "POST" })).status).toBe(405);
    expect((await daemon.get(`/qd1/deliverable?${"x".repeat(20_000)}`)).status).toBe(431);
    const closed = await startDaemon(writeConfig(folder, '[deliverabled]\nallow = ["192.0.2.0/24"]\n'));
    expect((await closed.get("/qd1/deliverable?vera@kontor.example")).status).toBe(403);
    expect(closed.log()).toContain("client may not ask ip=127.0.0.1");
  }, 30_000);

  it("cannot tell while there is no snapshot, takes up a new one, and reads its settings again at SIGHUP", async () => {
    const folder = temporaryFolder();
    const config = writeConfig(folder, "");
    const daemon = await startDaemon(config);
    expect(await daemon.ask("vera@kontor.example")).toBe(47);
    await publish(join(folder, "snapshot.sqlite"), [listSource("list", ["vera@kontor.example"])]);
    await expect.poll(() => daemon.ask("vera@kontor.example"), { timeout: 5000 }).toBe(241);
    writeConfig(folder, '[recipients]\nalways = ["anna"]\n[deliverabled]\nlisten = "127.0.0.1:1"\n');
    daemon.child.kill("SIGHUP");
    await expect.poll(() => daemon.ask("anna@kontor.example"), { timeout: 5000 }).toBe(241);
    expect(daemon.log()).toContain('changed settings need a restart settings="[deliverabled] listen"');
    writeConfig(folder, "[recipients]\nnonsense = 1\n");
    daemon.child.kill("SIGHUP");
    await expect.poll(daemon.log, { timeout: 5000 }).toContain("reload failed");
    expect(await daemon.ask("anna@kontor.example")).toBe(241);
    daemon.child.kill("SIGTERM");
    expect(await once(daemon.child, "exit")).toEqual([0, null]);
  }, 30_000);

  it("says what is wrong with its settings", () => {
    const folder = temporaryFolder();
    const run = (text: string, ...words: string[]) => {
      const { status, stderr } = spawnSync(
        process.execPath,
        [main, "deliverabled", "-c", writeConfig(folder, text), ...words],
        { encoding: "utf8", timeout: 20_000 },
      );
      return [status, stderr] as const;
    };
    expect(run("", "--listen", "nowhere")).toEqual([2, expect.stringContaining('"nowhere" is not a place')]);
    expect(run('[deliverabled]\nlive = ["dir"]\n')).toEqual([
      78,
      expect.stringContaining('"dir" is not the name of a [[source]] of type ldap'),
    ]);
    expect(run("", "--live", "dir")).toEqual([
      78,
      expect.stringContaining('"dir" is not the name of a [[source]] of type ldap'),
    ]);
    const source = '[[source]]\nname = "dir"\ntype = "ldap"\nurl = "ldap://127.0.0.1"\nlive_filter = "(mail=*)"\n';
    expect(run(source, "--live", "dir")).toEqual([78, expect.stringContaining("neither %r (the address) nor %u")]);
    expect(run('[deliverabled]\nallow = ["all"]\n')).toEqual([78, expect.stringContaining("an address or a block")]);
  }, 60_000);
});

describe.skipIf(missing("slapd"))("deliverabled --live", () => {
  let slapd: Slapd;
  let client: Client;
  const person = (name: string, more = ""): string =>
    `dn: uid=${name},o=Kontor\nobjectClass: inetOrgPerson\nuid: ${name}\ncn: ${name}\nsn: ${name}\nmail: ${name}@kontor.test\n${more}`;
  beforeAll(async () => {
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: ["dn: o=Kontor\nobjectClass: organization\no: Kontor\n", person("vera")].join("\n"),
    });
    client = new Client({ url: slapd.ldap });
    await client.bind(slapd.rootDn, slapd.rootPassword);
  });
  afterAll(async () => {
    await client?.unbind();
    await slapd?.stop();
  });

  const add = (name: string): Promise<void> =>
    client.add(
      `uid=${name},o=Kontor`,
      Object.entries({
        objectClass: "inetOrgPerson",
        uid: name,
        cn: name,
        sn: name,
        mail: `${name}@kontor.example`,
      }).map(([type, value]) => new Attribute({ type, values: [value] })),
    );
  const source = (more = "", url = slapd.ldap): string =>
    `[[source]]\nname = "dir"\ntype = "ldap"\npreset = "openldap"\nurl = "${url}"\nbase = "o=Kontor"\ntimeout = "2s"\n${more}`;

  it("finds an entry at once, and misses it at once", async () => {
    const daemon = await startDaemon(writeConfig(temporaryFolder(), source()), "--live", "dir");
    expect(await daemon.ask("anna@kontor.example")).toBe(0);
    await add("anna");
    expect(
      await Promise.all(
        ["Anna@Kontor.Example", "anna+x@kontor.test", "prvs=0123456789=anna@kontor.example"].map(daemon.ask),
      ),
    ).toEqual([241, 241, 241]);
    await client.del("uid=anna,o=Kontor");
    expect(await daemon.ask("anna@kontor.example")).toBe(0);
    expect(
      await Promise.all(["vera@kontor.example", "postmaster@kontor.example", "x@elsewhere.example"].map(daemon.ask)),
    ).toEqual([241, 241, 255]);
    // An address is a value, whatever it holds.
    const hostile = [
      '"*)(mail=*"@kontor.example',
      "*@kontor.example",
      '"\\\\2a"@kontor.example',
      "ver*@kontor.example",
      "vera%x@kontor.example",
    ];
    expect(await Promise.all(hostile.map(daemon.ask))).toEqual([0, 0, 0, 0, 0]);
    // More at a time than it has sessions.
    const many = await Promise.all(
      Array.from({ length: 60 }, (_, i) => daemon.ask(i % 2 === 0 ? "vera@kontor.example" : `u${i}@kontor.example`)),
    );
    expect(many).toEqual(many.map((_, i) => (i % 2 === 0 ? 241 : 0)));
    expect(daemon.log()).not.toMatch(/accepting every recipient of the relay domains|error/);
  }, 40_000);

  it("asks a hostile address in one search, escaped, as slapd's own log has it", async () => {
    const own = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: ["dn: o=Kontor\nobjectClass: organization\no: Kontor\n", person("vera")].join("\n"),
      stats: true,
    });
    onTestFinished(() => own.stop());
    const live = 'live_filter = "(|(mail=%r)(mail=%u@kontor.test))"\n';
    const daemon = await startDaemon(writeConfig(temporaryFolder(), source(live, own.ldap)), "--live", "dir");
    const searches = (): string[] => own.log().match(/SRCH base="o=Kontor".* filter=.*/g) ?? [];
    for (const address of ['"*)(mail=*"@kontor.example', "ver*@kontor.example"]) {
      const before = searches().length;
      expect(await daemon.ask(address)).toBe(0);
      await expect.poll(() => searches().length).toBe(before + 1);
    }
    const [first = "", second = ""] = searches();
    expect(first).toContain("(mail=\\2A\\29\\28mail=\\2A@kontor.example)");
    expect(second).toContain("(mail=ver\\2A@kontor.example)");
  }, 40_000);

  it("asks by live_filter, of which one entry is enough", async () => {
    const more = 'live_filter = "(&(objectClass=inetOrgPerson)(uid=%u))"\n';
    const daemon = await startDaemon(writeConfig(temporaryFolder(), source(more)), "--live", "dir");
    expect(
      await Promise.all(["vera@kontor.example", "nobody@kontor.example", "*@kontor.example"].map(daemon.ask)),
    ).toEqual([241, 0, 0]);
  }, 30_000);

  it("says 47 where the directory is away, silent or refuses, and 0 where the base is missing, with a warning", async () => {
    const away = await startDaemon(writeConfig(temporaryFolder(), source("", "ldap://127.0.0.1:1")), "--live", "dir");
    expect(await Promise.all(["vera", "bert"].map((user) => away.ask(`${user}@kontor.example`)))).toEqual([47, 47]);
    expect(away.log().match(/directory does not answer/g)).toHaveLength(1);
    const baseless = source().replace("o=Kontor", "o=Nowhere");
    const lost = await startDaemon(writeConfig(temporaryFolder(), baseless), "--live", "dir");
    expect(await lost.ask("vera@kontor.example")).toBe(0);
    expect(lost.log()).toContain("base is missing, recipients are unknown");
  }, 40_000);

  it("asks the list about sources that are not live, and is unsure without it", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "users"), "lina@kontor.example\n");
    const config = writeConfig(folder, `${source()}[[source]]\nname = "users"\ntype = "list"\nurl = "users"\n`);
    const daemon = await startDaemon(config, "--live", "dir");
    expect(await Promise.all(["vera@kontor.example", "lina@kontor.example"].map(daemon.ask))).toEqual([241, 47]);
    const rows = ["old@kontor.example"];
    await publish(join(folder, "snapshot.sqlite"), [
      listSource("dir", rows),
      listSource("users", ["lina@kontor.example"]),
    ]);
    await expect.poll(() => daemon.ask("lina@kontor.example"), { timeout: 5000 }).toBe(241);
    // The list has it of the directory, which has it no more.
    expect(await daemon.ask("old@kontor.example")).toBe(0);
  }, 30_000);
});
