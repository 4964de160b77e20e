/** `[auth] sender = "own"`: which senders a login may use, and that each login is logged once. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { allows, parseSenderMap } from "../../src/auth/sender-map.ts";
import { makeHash } from "../../src/auth/backends/scrypt.ts";
import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { createDomains } from "../../src/mail/domains.ts";
import { createKeyedForm } from "../../src/snapshot/keyed.ts";
import { createOwners } from "../../src/snapshot/owners.ts";
import { openSnapshot } from "../../src/snapshot/reader.ts";
import { plainTrust } from "../../src/snapshot/trust.ts";
import { unprotected } from "../../sync/publish/protect.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { beginTls, plain } from "../smtp/tls-fixture.ts";
import { found, listSource, mailbox, memoryLog, publish, temporaryFolder } from "../snapshot/fixture.ts";

const domains = createDomains(["kontor.example", "werk.example"], { "kontor.test": "kontor.example" });
const people = [
  found("anna@kontor.example", "account", "cn=Anna"),
  found("anna.schmidt@kontor.example", "alias", "cn=Anna"),
  found("aschmidt", "shortname", "cn=Anna"),
  found("bert@kontor.example", "account", "cn=Bert"),
  found("info@kontor.example", "group", "cn=Info"),
];
const settings = { match: "address", always: [] as string[], recipient_delimiter: "+" } as const;

describe("the senders of an entry", () => {
  it("are its own for a login that is an address or a short name of it", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    await publish(path, [
      listSource("office", people),
      listSource("other", [found("chef@werk.example", "account", "cn=Anna")]),
    ]);
    const reader = openSnapshot(path, memoryLog());
    const owns = createOwners(reader, domains, settings);
    const own = (login: string, sender: string): string => owns(mailbox(login), mailbox(sender));
    for (const login of ["anna@kontor.example", "Anna.Schmidt@kontor.test", "ASCHMIDT", "aschmidt@werk.example"]) {
      expect(own(login, "anna@kontor.example"), login).toBe("own");
      expect(own(login, "Anna.Schmidt+news@Kontor.test"), login).toBe("own");
      expect(own(login, "prvs=0123456789=anna@kontor.example"), login).toBe("own");
      expect(own(login, "aschmidt@werk.example"), login).toBe("own");
      expect(own(login, "bert@kontor.example"), login).toBe("other");
      expect(own(login, "info@kontor.example"), login).toBe("other");
      // An entry of the same name in another source is somebody else.
      expect(own(login, "chef@werk.example"), login).toBe("other");
      expect(own(login, "anna@elsewhere.example"), login).toBe("other");
    }
    expect(own("nobody", "anna@kontor.example")).toBe("other");
    expect(own("guest@partner.example", "guest@partner.example")).toBe("own");
    reader.close();
  });

  it("are the login's own address alone in a keyed list, which names no entries", async () => {
    const path = join(temporaryFolder(), "snapshot.sqlite");
    const secret = "0123456789abcdef".repeat(4);
    const protection = { ...unprotected, form: createKeyedForm(secret, "address") };
    await publish(path, [listSource("office", people)], { protection });
    const reader = openSnapshot(path, memoryLog(), { trust: { ...plainTrust, secret } });
    const owns = createOwners(reader, domains, settings);
    expect(owns(mailbox("anna@kontor.example"), mailbox("anna+x@kontor.test"))).toBe("own");
    expect(owns(mailbox("anna@kontor.example"), mailbox("anna.schmidt@kontor.example"))).toBe("other");
    expect(owns(mailbox("anna@kontor.example"), mailbox("bert@kontor.example"))).toBe("other");
    reader.close();
  });
});

describe("a sender map", () => {
  it("gives a login addresses, domains or everything, and tells of what can match nobody", () => {
    const unusable: string[] = [];
    const lines = [
      "bert: info@Kontor.example, @werk.example",
      "bert: sales@kontor.example",
      "print server: *",
      "nothing",
      "x: no-at",
    ];
    const map = parseSenderMap(lines, (text) => unusable.push(text));
    const may = (login: string, sender: string): boolean => allows(map, login, mailbox(sender));
    expect(["INFO@kontor.example", "any@werk.example", "sales@kontor.example"].every((s) => may("bert", s))).toBe(true);
    expect(may("bert", "anna@kontor.example")).toBe(false);
    expect(may("Bert", "info@kontor.example")).toBe(false);
    expect(may("print server", "any@where.example")).toBe(true);
    expect(may("nobody", "info@kontor.example")).toBe(false);
    expect(unusable).toEqual(["nothing", "no-at"]);
  });
});

describe("a submission listener", { timeout: 90_000 }, () => {
  const certificate = makeSelfSigned(["127.0.0.1"], { from: new Date(Date.now() - 3_600_000), days: 30 });
  const running: TestRelay[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((relay) => relay.stop()));
  });

  async function start(auth: string): Promise<TestRelay> {
    const hash = await makeHash("open sesame");
    const relay = await startTestRelay({
      config: `[tls]\ncert = "cert.pem"\nkey = "key.pem"\n[log]\nlevel = "debug"\n[auth]\npasswords = "passwords"\n${auth}
[[listener]]\nname = "submission"\nlisten = ["127.0.0.1:0"]\nauth = true\n`,
      files: {
        "cert.pem": certificate.certificate,
        "key.pem": certificate.key,
        passwords: { text: `aschmidt:${hash}\nbert@kontor.example:${hash}\n`, mode: 0o600 },
        senders: "aschmidt: info@kontor.example\n",
      },
    });
    running.push(relay);
    await publish(relay.snapshotPath, [listSource("office", people)]);
    await relay.relay.snapshot.check();
    return relay;
  }

  /** What MAIL is told, one sender after another. */
  async function send(relay: TestRelay, login: string | undefined, senders: readonly string[]): Promise<string[]> {
    const { client } = await beginTls(relay.port);
    if (login !== undefined) {
      expect(await client.command(`AUTH PLAIN ${plain(login, "open sesame")}`)).toMatch(/^235 /);
    }
    const answers: string[] = [];
    for (const sender of senders) {
      answers.push((await client.command(`MAIL FROM:<${sender}>`)) ?? "");
      await client.command("RSET");
    }
    client.close();
    return answers;
  }
  const refused = "553 5.7.1 This login may not use this sender address";

  it("takes a login's own senders, those of the map and the null sender, and refuses others with 553 5.7.1", async () => {
    const relay = await start('sender = "own"\nsender_map = "senders"');
    const ok = "250 2.1.0 Sender OK";
    const senders = [
      "anna.schmidt@kontor.example",
      "info@kontor.example",
      "",
      "bert@kontor.example",
      "x@elsewhere.example",
    ];
    expect(await send(relay, "aschmidt", senders)).toEqual([ok, ok, ok, refused, refused]);
    expect(await send(relay, "bert@kontor.example", ["bert@kontor.example", "info@kontor.example"])).toEqual([
      ok,
      refused,
    ]);
    // Who has not logged in is nobody's: other checks judge the sender of an untrusted client.
    expect(await send(relay, undefined, ["bert@kontor.example"])).toEqual([ok]);
    expect(relay.log.filter((line) => line.includes("sender refused"))).toHaveLength(3);
    expect(relay.log.join("\n")).toMatch(
      /auth: sender refused, it is not the login's own .*user=aschmidt sender=bert@kontor\.example/,
    );
    writeFileSync(join(relay.folder, "senders"), "aschmidt: sales@kontor.example x@elsewhere.example\n");
    await expect
      .poll(() => send(relay, "aschmidt", ["x@elsewhere.example", "info@kontor.example"]), { timeout: 20_000 })
      .toEqual([ok, refused]);
  });

  it("goes on taking all senders where the list is gone", async () => {
    const relay = await start('sender = "own"');
    rmSync(relay.snapshotPath);
    await relay.relay.snapshot.check();
    expect(await send(relay, "aschmidt", ["bert@kontor.example"])).toEqual(["250 2.1.0 Sender OK"]);
  });

  it("takes any sender by default, and logs each login once, at any level", async () => {
    const relay = await start("");
    expect(await send(relay, "aschmidt", ["x@elsewhere.example"])).toEqual(["250 2.1.0 Sender OK"]);
    expect(relay.log.filter((line) => line.includes("aschmidt"))).toEqual([
      expect.stringContaining("authlogger: host: 127.0.0.1 ip: 127.0.0.1 user: aschmidt method: plain"),
    ]);
  });
});
