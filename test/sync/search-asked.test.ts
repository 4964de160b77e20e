/** `changes = "search"`: a real relay writes whom it refused as unknown, and a real slapd is asked about them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Attribute, Client } from "ldapts";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { addNews, loadPlan, runFull } from "../../src/compose/sync-run.ts";
import { effectWarnings } from "../../src/config/effect-warnings.ts";
import { AskedFile, readAsked } from "../../src/observe/asked-file.ts";
import { silentLog } from "../../src/report/log.ts";
import { readAskedPlaces } from "../../sync/live/asked-places.ts";
import { withSearch } from "../../sync/live/search-asked.ts";
import { missing } from "../fakes/need.ts";
import { completeConfig, settingsOf, startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { startSlapd } from "../fakes/slapd.ts";
import type { Slapd } from "../fakes/slapd.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { listSource, memoryLog, temporaryFolder } from "../snapshot/fixture.ts";

const person = (name: string): string =>
  `dn: uid=${name},o=Kontor\nobjectClass: inetOrgPerson\nuid: ${name}\ncn: ${name}\nsn: ${name}\nmail: ${name}@kontor.example\n`;

describe.skipIf(missing("slapd"))('a source with changes = "search"', () => {
  let slapd: Slapd;
  let client: Client;
  let relay: TestRelay;
  beforeAll(async () => {
    slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: ["dn: o=Kontor\nobjectClass: organization\no: Kontor\n", person("anna")].join("\n"),
      stats: true,
    });
    client = new Client({ url: slapd.ldap });
    await client.bind(slapd.rootDn, slapd.rootPassword);
    relay = await startTestRelay({ config: config() });
  });
  afterAll(async () => {
    await client?.unbind();
    await relay?.stop();
    await slapd?.stop();
  });

  const config = (): string => `[recipients]
asked_file = "asked"
[limits]
harvest_delay_after = 0
[sync]
delta = "1m"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:1"
[[source]]
name = "ldap"
type = "ldap"
url = "${slapd.ldap}"
base = "o=Kontor"
filter = "(objectClass=inetOrgPerson)"
attributes = ["mail"]
changes = "search"
`;

  async function ask(recipient: string): Promise<string | undefined> {
    const session = await SmtpClient.open(relay.port);
    try {
      await session.reply();
      await session.command("EHLO client.example");
      await session.command("MAIL FROM:<someone@sender.example>");
      return (await session.command(`RCPT TO:<${recipient}>`))?.slice(0, 3);
    } finally {
      session.close();
    }
  }

  it("adds a newcomer whom a client has asked for, and asks about each once", async () => {
    const file = join(relay.folder, "goodmailto.toml");
    writeFileSync(file, completeConfig(config()));
    const plan = loadPlan(file) ?? expect.unreachable();
    const signal = AbortSignal.timeout(25_000);
    expect((await runFull(plan, silentLog, signal, { cron: true })).kind).toBe("published");
    await relay.relay.snapshot.check();
    await client.add(
      "uid=new,o=Kontor",
      [...Object.entries({ objectClass: "inetOrgPerson", cn: "new", sn: "new", mail: "new@kontor.example" })].map(
        ([type, value]) => new Attribute({ type, values: [value] }),
      ),
    );
    const fresh = () => addNews(plan, silentLog, signal);
    // Nobody has asked: nothing is searched.
    expect((await fresh()).kind).toBe("nothing");
    expect(await ask("New+list@kontor.test")).toBe("550");
    expect(await ask("nobody@kontor.example")).toBe("550");
    expect(await ask("x@foreign.example")).toBe("550");
    relay.reload(config().replace('"asked"', '""'));
    expect(readFileSync(join(relay.folder, "asked"), "utf8")).toBe("new+list@kontor.example\nnobody@kontor.example\n");
    expect((await fresh()).kind).toBe("published");
    await relay.relay.snapshot.check();
    // There is no next hop: the recipient passed the list.
    await expect.poll(() => ask("new@kontor.example"), { timeout: 5000 }).toBe("451");
    expect(await ask("nobody@kontor.example")).toBe("550");
    const searches = (): number => slapd.log().split("nobody@kontor.example").length;
    const before = searches();
    expect(before).toBeGreaterThan(1);
    expect((await fresh()).kind).toBe("nothing");
    expect(searches()).toBe(before);
  });
});

describe.skipIf(missing("slapd"))('a source with changes = "search" on another machine than the relay', () => {
  it("asks about what the relay hands over by HTTP, and only with its token", async () => {
    const slapd = await startSlapd({
      suffix: "o=Kontor",
      schemas: ["core", "cosine", "inetorgperson"],
      ldif: ["dn: o=Kontor\nobjectClass: organization\no: Kontor\n", person("anna"), person("new")].join("\n"),
    });
    onTestFinished(() => slapd.stop());
    const relay = await startTestRelay({
      config: `[recipients]\nasked_file = "asked"\n[[lookup]]\nname = "http"\nprotocol = "http"\nlisten = ["127.0.0.1:0"]\ntoken_file = "token"\n`,
      files: { token: "geheimes-losungswort-1\n" },
      snapshot: ["anna@kontor.example"],
    });
    onTestFinished(() => relay.stop());
    const url = `http://127.0.0.1:${relay.ports[1] ?? 0}/v1`;
    const token = { authorization: "Bearer geheimes-losungswort-1" };
    expect((await fetch(`${url}/asked`)).status).toBe(401);
    await fetch(`${url}/recipient/new@kontor.example`, { headers: token });
    await fetch(`${url}/recipient/nobody@kontor.example`, { headers: token });
    // The folder of the sync has nothing of the relay's.
    const folder = temporaryFolder();
    const file = join(folder, "goodmailto.toml");
    const source = `[[source]]\nname = "ldap"\ntype = "ldap"\nurl = "${slapd.ldap}"\nbase = "o=Kontor"\nfilter = "(&(objectClass=inetOrgPerson)(uid=anna))"\nattributes = ["mail"]\nchanges = "search"\n`;
    const write = (filter: string, word: string): void => {
      writeFileSync(join(folder, "token"), `${word}\n`);
      const sync = `[sync]\ndelta = "1m"\nasked = ["${url}/asked"]\ntraffic_token_file = "token"\n`;
      writeFileSync(
        file,
        `[domains]\nrelay = ["kontor.example"]\n[snapshot]\npath = "list.sqlite"\n${sync}${source.replace("(uid=anna)", filter)}`,
      );
    };
    const signal = AbortSignal.timeout(25_000);
    const planned = () => loadPlan(file) ?? expect.unreachable();
    write("(uid=anna)", "geheimes-losungswort-1");
    expect((await runFull(planned(), silentLog, signal, { cron: true })).kind).toBe("published");
    write("(uid=*)", "geheimes-losungswort-1");
    await expect
      .poll(async () => (await fetch(`${url}/asked`, { headers: token })).text(), { timeout: 5000 })
      .toBe("new@kontor.example\nnobody@kontor.example\n");
    const plan = planned();
    expect(await addNews(plan, silentLog, signal)).toMatchObject({ kind: "published", facts: { added: 1 } });
    // A new token, without a restart of the sync.
    writeFileSync(join(folder, "token"), "falsches-losungswort-1\n");
    const log = memoryLog();
    await addNews(plan, log, signal);
    expect(log.lines.map(({ fields }) => String(fields?.["detail"]))).toContainEqual(
      expect.stringContaining("it answered 401"),
    );
  }, 40_000);
});

describe("the places that hand over what clients asked for", () => {
  const access = { token: "", ca: undefined };

  it("are all read, and one that is away is a warning, unless it is the only one", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "asked"), "a@kontor.example\n");
    writeFileSync(join(folder, "asked.2"), "b@kontor.example\n");
    const [path, url] = [join(folder, "asked"), "http://127.0.0.1:1/v1/asked"];
    const { signal } = new AbortController();
    const read = await readAskedPlaces({ places: [path, url], access }, signal);
    expect(read.addresses).toEqual(["a@kontor.example", "b@kontor.example"]);
    expect(read.faults).toEqual([expect.stringContaining(`"${url}"`)]);
    await expect(readAskedPlaces({ places: [url], access }, signal)).rejects.toThrow(/Cannot GET 127\.0\.0\.1:1/);
  });
});

describe('changes = "search"', () => {
  it.each([
    ["without a file", "", '"search" has no effect without [recipients] asked_file or [sync] asked, and [sync] delta'],
    ["without a delta", '[recipients]\nasked_file = "asked"\n', '"search" has no effect without'],
    ["of a file", '[recipients]\nasked_file = "asked"\n[sync]\ndelta = "1m"\n', 'has no effect: type is "ldif"'],
    ["with another relay", '[sync]\nasked = ["https://mx1.example/v1/asked"]\ndelta = "1m"\n', ""],
    ["with both", '[recipients]\nasked_file = "asked"\n[sync]\ndelta = "1m"\n', ""],
  ])("is warned of %s", (what, more, message) => {
    const [type, url] = what === "of a file" ? ["ldif", "x"] : ["ldap", "ldap://192.0.2.1"];
    const text = `${more}[[source]]\nname = "a"\ntype = "${type}"\nurl = "${url}"\nchanges = "search"\n`;
    const said = effectWarnings(settingsOf(text, "/")).map((warning) => warning.message);
    expect(said).toEqual(message === "" ? [] : [expect.stringContaining(message)]);
  });
});

describe("what clients asked for", () => {
  it("is bounded in the file, keeps the newest, and outlives the process", () => {
    const path = join(temporaryFolder(), "asked");
    const first = new AskedFile(path, silentLog);
    Array.from({ length: 1500 }, (_, i) => first.note(`a${i}@kontor.example`));
    first.note("a600@kontor.example");
    first.close();
    const second = new AskedFile(path, silentLog);
    second.note("b@kontor.example");
    second.close();
    const lines = readAsked(path);
    expect(lines).toHaveLength(1000);
    expect(lines.slice(-2)).toEqual(["a600@kontor.example", "b@kontor.example"]);
  });

  it("is an error in the log once, if it cannot be written", () => {
    const log = memoryLog();
    const file = new AskedFile(join(temporaryFolder(), "missing", "asked"), log);
    onTestFinished(() => file.close());
    file.note("a@kontor.example");
    file.flush();
    file.flush();
    expect(log.lines.map(({ event }) => event)).toEqual(["cannot write asked_file"]);
  });

  it("is asked about 200 at a time, newest first, and again after a full sync", async () => {
    const asked = Array.from({ length: 500 }, (_, i) => `a${i}@kontor.example`);
    const found: string[] = [];
    let closed = 0;
    const source = withSearch(listSource("ldap", []), {
      asked: () => ({ addresses: asked, faults: [] }),
      open: () => ({
        find: async ({ user }) => (found.push(user), []),
        close: () => void closed++,
      }),
    });
    const changes = async (): Promise<void> => {
      for await (const batch of source.readChanges?.("search", new AbortController().signal) ?? []) {
        expect(batch.found).toEqual([]);
      }
    };
    await changes();
    expect([found.length, found[0], closed]).toEqual([200, "a499", 1]);
    await changes();
    await changes();
    await changes();
    expect([found.length, new Set(found).size, closed]).toEqual([500, 500, 3]);
    const reached: (string | undefined)[] = [];
    for await (const batch of source.read(new AbortController().signal)) {
      reached.push(batch.reached);
    }
    expect(reached.at(-1)).toBe("search");
    await changes();
    expect(found).toHaveLength(700);
  });
});
