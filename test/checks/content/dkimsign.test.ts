/** What dkimsign signs, with which key, and that others verify it: mailauth, and Debian's opendkim-testmsg. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { dkimVerify } from "mailauth";
import type { DNSResolver } from "mailauth";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { dkimsign } from "../../../src/checks/content/dkimsign.ts";
import { secretWarnings } from "../../../src/compose/place-warnings.ts";
import { schemaFor } from "../../../src/compose/settings.ts";
import { checkConfig } from "../../../src/config/load.ts";
import { orderWarnings } from "../../../src/config/order-warnings.ts";
import { keyRecord, makeKey } from "../../../src/dkim/signing-key.ts";
import { startDns } from "../../fakes/dns.ts";
import type { FakeDns } from "../../fakes/dns.ts";
import { missing } from "../../fakes/need.ts";
import { startNextHop } from "../../fakes/next-hop.ts";
import type { NextHop } from "../../fakes/next-hop.ts";
import { OpenDkim } from "../../fakes/opendkim.ts";
import { startTestRelay } from "../../fakes/relay.ts";
import type { TestRelay } from "../../fakes/relay.ts";
import { SmtpClient } from "../../fakes/smtp-client.ts";
import { resolverOf } from "../../dns/resolver-of.ts";
import { makeSession, startCheck } from "../fixture.ts";

const keys = { rsa: makeKey("rsa"), ed25519: makeKey("ed25519"), folder: makeKey("ed25519") };
const top = "From: Ann <ann@kontor.example>\r\nTo: bob@far.test\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n";
const noOpenDkim = missing("opendkim-testmsg") || missing("cc");

describe("dkimsign", () => {
  let dns: FakeDns;
  let hop: NextHop;
  let relay: TestRelay;
  let opendkim: OpenDkim | undefined;
  beforeAll(async () => {
    dns = await startDns();
    dns.add("mail._domainkey.kontor.example", "TXT", keyRecord(keys.rsa));
    dns.add("ed._domainkey.kontor.example", "TXT", keyRecord(keys.ed25519));
    dns.add("mail._domainkey.ed.example", "TXT", keyRecord(keys.ed25519));
    dns.add("test._domainkey.folder.example", "TXT", keyRecord(keys.folder));
    opendkim = noOpenDkim ? undefined : new OpenDkim(dns.port);
    hop = await startNextHop();
    relay = await startTestRelay({ snapshot: ["ann"], files, config: config() });
    mkdirSync(join(relay.folder, "domainkeys"));
    writeFileSync(join(relay.folder, "domainkeys/folder.example.private"), keys.folder);
  });
  beforeEach(() => {
    relay.log.length = 0;
  });
  afterAll(async () => {
    opendkim?.close();
    await relay.stop();
    await hop.close();
    await dns.close();
  });

  const files = {
    rules: '127.0.0.9:allow,RELAYCLIENT=""\n:allow\n',
    "rsa.pem": { text: keys.rsa, mode: 0o600 },
    "ed.pem": { text: keys.ed25519, mode: 0o600 },
    aliases: "team@kontor.example: ann@kontor.example\n",
    lists: "team@kontor.example PUBLIC {folder}/team.signature\n",
    "team.signature": "-- \nThe team\n",
  };
  const named = (domain: string, selector: string, file: string): string =>
    `[[checks.dkimsign.key]]\ndomain = "${domain}"\nselector = "${selector}"\nkey_file = "${file}"\n`;
  const usual = named("kontor.example", "mail", "rsa.pem") + named("ed.example", "mail", "ed.pem");
  const config = (more = usual, run = '"aliases", "mailinglist", "dkimsign", "filter"'): string => `
[checks]
run = [${run}, "goodmailto"]
[clients]
rules = "{folder}/rules"
[checks.aliases]
unknown = "pass"
file = "{folder}/aliases"
[checks.mailinglist]
file = "{folder}/lists"
[checks.filter]
unless = []
command = ["/bin/sed", "s/draft/final/"]
take = "message"
[checks.dkimsign]
keys = "domainkeys"
${more}
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop.port}"
`;
  /** What the hop has of a message, below the relay's own field. @param wire without the final dot */
  const send = async (wire: string | readonly Buffer[], from = "127.0.0.9", to = "bob@far.test"): Promise<Buffer> => {
    const client = await SmtpClient.open(relay.port, from);
    for (const line of ["EHLO client.test", "MAIL FROM:<other@else.example>", `RCPT TO:<${to}>`, "DATA"]) {
      await client.reply().catch(() => undefined);
      client.write(`${line}\r\n`);
    }
    expect(await client.reply()).toMatch(/^354/);
    for (const piece of typeof wire === "string" ? [Buffer.from(wire, "latin1")] : wire) {
      client.write(piece);
    }
    client.write(".\r\n");
    expect(await client.reply(60_000)).toMatch(/^250/);
    client.close();
    const got = hop.received.at(-1)?.message ?? Buffer.alloc(0);
    const [received = ""] = /^Received: (?:[^\r\n]*\r\n[ \t])*[^\r\n]*\r\n/.exec(got.toString("latin1", 0, 2000)) ?? [];
    return got.subarray(received.length);
  };
  const resolver: DNSResolver = async (name) => {
    const answer = await resolverOf([dns.server]).txt(name);
    return answer.kind === "found" ? answer.values.map((text) => [text]) : [];
  };
  /** The results of all signatures by mailauth. */
  const results = async (message: Buffer): Promise<string[]> => {
    const { results: all } = await dkimVerify(message, { resolver, strict: true });
    return all.map(({ status }) => status.result);
  };
  /** The same, and what opendkim has against the message. */
  const verify = async (message: Buffer): Promise<string[]> => {
    const against = await opendkim?.verify(message);
    return [...(await results(message)), ...(against === undefined || against === "" ? [] : [against])];
  };
  const fields = (message: Buffer): number =>
    message.toString("latin1", 0, 5000).match(/^DKIM-Signature:/gim)?.length ?? 0;

  it.each<[string, string]>([
    ["an ordinary message", "Subject: hello\r\n\r\nHello.\r\n"],
    ["lines that begin with dots", "Subject: dots\r\n..name: x\r\n\r\n..\r\n...two\r\n.. one\r\n"],
    ["a body of 8-bit text", "Subject: \xe4\xf6\r\n\r\nGr\xfc\xdfe\xa0\x85 \t\r\n\xff\xfe\r\n"],
    ["folded fields and blanks", "Subject:  a\r\n\tb\r\n  c\r\nX-Empty:\r\n\r\n a  b \t \r\n\r\n\r\n"],
    ["an empty body", "Subject: none\r\n\r\n"],
    ["no body at all", "Subject: none\r\n"],
    ["a line of 990 octets", `Subject: long\r\n\r\n${"x".repeat(990)}\r\n`],
  ])("signs %s, once, so that mailauth and opendkim verify it", async (_, rest) => {
    const signed = await send(top + rest);
    expect([fields(signed), await verify(signed)]).toEqual([1, ["pass"]]);
    const [signature = ""] = /^DKIM-Signature: .*?(?=\r\n\S)/s.exec(signed.toString("latin1")) ?? [];
    expect(signature.replaceAll(/\s/g, "")).toMatch(/a=rsa-sha256;c=relaxed\/relaxed;d=kontor\.example;h=From:From:/);
    expect(signature).not.toContain(" l=");
    // The rest is as the client sent it; the relay ends a header section without an empty line.
    const sent = (top + rest).replaceAll(/^\./gm, "");
    const ended = sent.includes("\r\n\r\n") ? sent : `${sent}\r\n`;
    expect(signed.toString("latin1").slice(signature.length + 2)).toBe(ended);
  });

  it.each<[string, Readonly<Record<string, string>>, boolean, boolean, boolean]>([
    ["a logged-in user", { SMTPAUTHUSER: "ann" }, true, true, false],
    ["a relay client", { RELAYCLIENT: "" }, true, false, true],
    ["a stranger", {}, false, false, false],
  ])("holds messages of %s only if it signs them", (_, variables, ...wanted) => {
    const held = [{}, { who: ["authenticated"] }, { who: ["relayclient"] }].map((values) =>
      startCheck(dkimsign, values).wants?.(makeSession(variables)),
    );
    expect(held).toEqual(wanted);
  });

  it("is told of by config check: mailinglist behind it, and keys that everybody can read", () => {
    const path = join(relay.folder, "rsa.pem");
    const warned = (run: string): string[] => {
      const text = `[checks]\nrun = [${run}]\n${named("a.example", "s", "rsa.pem")}`;
      const loaded = checkConfig(text, join(relay.folder, "c.toml"), schemaFor, ["relay"]);
      return loaded.kind === "ok"
        ? [...orderWarnings(loaded.settings), ...secretWarnings(loaded.settings)].map(({ message }) => message)
        : ["faulty"];
    };
    expect(warned('"aliases", "mailinglist", "dkimsign", "loop"')).toEqual([]);
    expect(warned('"aliases", "dkimsign", "mailinglist"')).toEqual([
      expect.stringMatching(/^"dkimsign" needs "mailinglist" in front of it: /),
    ]);
    chmodSync(path, 0o644);
    expect(warned('"dkimsign"')).toEqual([`"${path}" can be read by every user: chmod o= ${path}`]);
    chmodSync(path, 0o600);
  });

  it("makes signatures that a changed octet or a second From breaks", async () => {
    const signed = (await send(`${top}Subject: one\r\n\r\nPay 100\r\n`)).toString("latin1");
    const changed = (text: string) => results(Buffer.from(text, "latin1"));
    expect(await changed(signed.replace("Pay 100", "Pay 900"))).toEqual(["fail"]);
    expect(await changed(signed.replace("Subject: one", "Subject: two"))).toEqual(["fail"]);
    expect(await changed(`From: eve@far.test\r\n${signed}`)).toEqual(["fail"]);
    expect(await changed(signed.replace("\r\nTo:", "\r\nFrom: eve@far.test\r\nTo:"))).toEqual(["fail"]);
  });

  it("signs by Ed25519, and by a key of the folder with its selector", async () => {
    const ed = await send(top.replace("kontor.example", "ED.example") + "Subject: x\r\n\r\nx\r\n");
    expect([/a=(\S+);/.exec(ed.toString("latin1"))?.[1], await verify(ed)]).toEqual(["ed25519-sha256", ["pass"]]);
    const folder = await send(top.replace("kontor.example", "folder.example") + "Subject: x\r\n\r\nx\r\n");
    expect([/s=(\S+);/.exec(folder.toString("latin1"))?.[1], await verify(folder)]).toEqual(["test", ["pass"]]);
  });

  it("signs the message as all other checks have made it, whatever the order", async () => {
    const signed = await send(`${top}Subject: x\r\n\r\ndraft\r\n`);
    expect(signed.toString("latin1")).toContain("\r\n\r\nfinal\r\n");
    expect(await verify(signed)).toEqual(["pass"]);
    // The signature block of a mailing list.
    const list = await send(`${top}Subject: x\r\n\r\nhello\r\n`, "127.0.0.9", "team@kontor.example");
    expect(list.toString("latin1")).toMatch(/\r\n\r\nhello\r\n(?:\r\n)?-- \r\nThe team\r\n$/);
    expect(await verify(list)).toEqual(["pass"]);
  });

  it("leaves messages of strangers alone", async () => {
    const message = await send(`${top}Subject: x\r\n\r\nx\r\n`, "127.0.0.1", "ann@kontor.example");
    expect([fields(message), relay.log.filter((line) => line.includes("dkimsign"))]).toEqual([0, []]);
  });

  it.each<[string, string, RegExp]>([
    ["no From", "Subject: x\r\n\r\nx\r\n", /no From field/],
    ["two From fields", `${top}From: ann@kontor.example\r\n\r\nx\r\n`, /more than one From field/],
    ["authors of two domains", "From: a@kontor.example, b@ed.example\r\n\r\nx\r\n", /From is not of one domain/],
    ["a From that is no address", "From: <<>>, ,@\r\n\r\nx\r\n", /From is not of one domain/],
    ["a From of dots and slashes", "From: a@../../etc/passwd\r\n\r\nx\r\n", /From is not of one domain/],
    ["a domain without key", "From: a@none.example\r\n\r\nx\r\n", /no key for none\.example/],
    ["a From that is a literal", "From: a@[127.0.0.1]\r\n\r\nx\r\n", /no key for \[127\.0\.0\.1\]/],
    ["0 bytes", "", /no From field/],
    [
      "a line that is no field",
      `${top}nonsense\r\n\x80\x81\r\n\r\nx\r\n`,
      /a line of the header section is not a field/,
    ],
  ])("sends on unsigned, with a warning: %s", async (_, wire, why) => {
    const message = await send(wire);
    expect(message.toString("latin1")).toBe(wire === "" ? "\r\n" : wire);
    expect(relay.log.filter((line) => line.includes("not signed"))).toEqual([expect.stringMatching(why)]);
  });

  it("signs fields of the obsolete form", async () => {
    const signed = await send(
      `X: y\r\n${top.replace("From:", "From :")}Subject : obsolete\r\nSubject: twice\r\n\r\nx\r\n`,
    );
    expect([fields(signed), (await verify(signed))[0]]).toEqual([1, "pass"]);
  });

  it("signs 25 MB, which are held in the spool and not in memory", async () => {
    const line = Buffer.from(`${"x y".repeat(300)}\r\n`.repeat(100));
    const pieces = Array.from({ length: Math.ceil(24_800_000 / line.length) }, () => line);
    const before = process.memoryUsage().arrayBuffers;
    const signed = await send([Buffer.from(`${top}Subject: big\r\n\r\n`), ...pieces]);
    expect([fields(signed), signed.length > 24_800_000]).toEqual([1, true]);
    expect(await results(signed)).toEqual(["pass"]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(120_000_000);
  }, 60_000);

  it("takes other keys at reload, several for one domain, and keeps the old ones if a file is missing", async () => {
    relay.reload(config(named("kontor.example", "mail", "rsa.pem") + named("kontor.example", "ed", "ed.pem")));
    const both = await send(`${top}Subject: x\r\n\r\nx\r\n`);
    expect([fields(both), await verify(both)]).toEqual([2, ["pass", "pass"]]);
    expect(() => relay.reload(config(named("kontor.example", "mail", "gone.pem")))).toThrow(/key_file.*cannot be read/);
    expect(fields(await send(`${top}Subject: x\r\n\r\nx\r\n`))).toBe(2);
    relay.reload(config(`who = ["authenticated"]\n${usual}`));
    expect(fields(await send(`${top}Subject: x\r\n\r\nx\r\n`))).toBe(0);
    relay.reload(config());
  });
});
