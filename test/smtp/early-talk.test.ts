/** Clients that talk before the greeting: `[smtp] early_talker`. */
import { afterEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { startDns } from "../fakes/dns.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const running: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of running.splice(0).reverse()) {
    await part.close();
  }
});

/** A relay that listens for 5 s before it greets, unless told otherwise: a client that talks need not wait for that. */
async function start(smtp = "", more = "", files: Readonly<Record<string, string>> = {}): Promise<TestRelay> {
  const delay = smtp.includes("greeting_delay") ? "" : '\ngreeting_delay = "5s"';
  const config = `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"${delay}\n${smtp}\n${more}`;
  const relay = await startTestRelay({ config, files });
  running.push({ close: () => relay.stop() });
  return relay;
}

async function open(relay: TestRelay, early: string, from = "127.0.0.1"): Promise<SmtpClient> {
  const client = await SmtpClient.open(relay.port, from);
  running.push(client);
  client.write(early);
  return client;
}

const early = "EHLO client.test\r\nMAIL FROM:<a@far.test>\r\n";
const greeting = "220 mx.kontor.example ESMTP goodmailto";
const counted = (relay: TestRelay): number => relay.metrics.totals()['limits{limit="early talker"}'] ?? 0;
const warnings = (relay: TestRelay): string[] => relay.log.filter((line) => line.includes("early talker"));

describe("a client that talks before the greeting", () => {
  it.each([
    ["", "421 4.7.0 You talk too soon"],
    ['early_talker = "refuse"\nearly_talker_text = "Wait for the greeting"', "421 4.7.0 Wait for the greeting"],
    ['early_talker = "refuse-permanent"', "554 5.7.1 You talk too soon"],
  ])("is refused in place of the greeting (%j), and the connection closed", async (smtp, expected) => {
    const relay = await start(smtp);
    const client = await open(relay, early);
    expect([await client.reply(), await client.reply()]).toEqual([expected, undefined]);
    expect(counted(relay)).toBe(1);
    expect(warnings(relay)).toEqual(['smtp: limit limit="early talker" client=127.0.0.1']);
  });

  it.each(["EHLO", "\x16\x03\x01", "\r\n", "\n"])("is one whatever it sends: %j", async (bytes) => {
    const relay = await start('greeting_delay = "200ms"');
    const client = await open(relay, bytes);
    expect([await client.reply(), await client.reply()]).toEqual(["421 4.7.0 You talk too soon", undefined]);
  });

  it.each([
    ["defer", "450 4.7.1 You talk too soon"],
    ["defer-permanent", "550 5.7.1 You talk too soon"],
  ])("is greeted and refused at each MAIL, what it sent being answered in order: %s", async (action, expected) => {
    const relay = await start(`early_talker = "${action}"`);
    const client = await open(relay, early);
    expect(await client.reply()).toBe(greeting);
    expect(await client.reply()).toMatch(/^250-mx\.kontor\.example/);
    expect(await client.reply()).toBe(expected);
    expect(await client.command("RCPT TO:<vera@kontor.example>")).toBe("503 5.5.1 Send MAIL first");
    expect(await client.command("RSET")).toBe("250 2.0.0 Flushed");
    expect(await client.command("MAIL FROM:<>")).toBe(expected);
    expect(await client.command("QUIT")).toBe("221 2.0.0 Bye");
  });

  it("is only logged, once, with log", async () => {
    const relay = await start('early_talker = "log"');
    for (let i = 0; i < 2; i++) {
      const client = await open(relay, early);
      expect(await client.reply()).toBe(greeting);
      expect(await client.reply()).toMatch(/^250-/);
      expect(await client.reply()).toBe("250 2.1.0 Sender OK");
    }
    expect(counted(relay)).toBe(2);
    expect(warnings(relay)).toHaveLength(1);
  });

  it("is not thrown together with one that waits", async () => {
    const relay = await start('greeting_delay = "100ms"\nearly_talker = "defer"');
    const client = await open(relay, "");
    expect(await client.reply()).toBe(greeting);
    expect(await client.command("EHLO client.test")).toMatch(/^250-/);
    expect(await client.command("MAIL FROM:<a@far.test>")).toBe("250 2.1.0 Sender OK");
    expect([counted(relay), warnings(relay)]).toEqual([0, []]);
  });

  it("may do so with RELAYCLIENT, NOGOODMAILTO or WHITELISTCLIENT, or where a list trusts it", async () => {
    const rules =
      '127.0.0.2:allow,RELAYCLIENT=""\n127.0.0.3:allow,NOGOODMAILTO=""\n127.0.0.4:allow,WHITELISTCLIENT=""\n:allow\n';
    const checks =
      '[clients]\nrules = "{folder}/rules"\n[checks]\nrun = ["whitelist"]\n[checks.whitelist]\nhosts = "{folder}/hosts"';
    const relay = await start("", checks, { rules, hosts: "127.0.0.5\n" });
    for (const from of ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]) {
      const client = await open(relay, early, from);
      expect(await client.reply(), from).toBe(greeting);
      expect(await client.reply(), from).toMatch(/^250-/);
      expect(await client.reply(), from).toBe("250 2.1.0 Sender OK");
    }
    expect(counted(relay)).toBe(0);
    expect(await (await open(relay, early, "127.0.0.6")).reply()).toBe("421 4.7.0 You talk too soon");
  });

  it("is one, too, that talks while the client is looked at, without any delay", async () => {
    const dns = await startDns();
    running.push(dns);
    dns.behave("7.0.0.127.bl.example", { drop: true });
    const more = `[dns]\nservers = ["${dns.server}"]\ntimeout = "300ms"\n[checks]\nrun = ["rblspp"]\n[checks.rblspp]\nat = "connection"\nsources = ["a:bl.example"]\ntest_points = false`;
    const relay = await start('greeting_delay = "0ms"', more);
    const client = await open(relay, "EH", "127.0.0.7");
    expect(await client.reply()).toBe("421 4.7.0 You talk too soon");
  });

  it("stays one after STARTTLS", async () => {
    const pair = makeSelfSigned(["127.0.0.1"], { from: new Date(Date.now() - 3_600_000), days: 30 });
    const relay = await start('early_talker = "defer"', '[tls]\ncert = "cert.pem"\nkey = "key.pem"', {
      "cert.pem": pair.certificate,
      "key.pem": pair.key,
    });
    const client = await open(relay, "EHLO client.test\r\n");
    expect(await client.reply()).toBe(greeting);
    expect(await client.reply()).toMatch(/STARTTLS/);
    expect(await client.command("STARTTLS")).toBe("220 2.0.0 Ready to start TLS");
    await client.startTls();
    expect(await client.command("EHLO client.test")).toMatch(/^250-/);
    expect(await client.command("MAIL FROM:<a@far.test>")).toBe("450 4.7.1 You talk too soon");
  });

  it("cannot make the relay keep what it sends while it waits", async () => {
    const relay = await start('greeting_delay = "1s"\nearly_talker = "log"');
    const client = await open(relay, "x".repeat(20_000));
    expect(await client.reply()).toBe("421 4.5.2 Line too long");
  });

  it("may be gone before its greeting", async () => {
    const relay = await start('early_talker = "log"');
    const gone = await open(relay, early);
    gone.close();
    const client = await open(relay, "EHLO client.test\r\nQUIT\r\n");
    client.end();
    expect(await client.reply()).toBe(greeting);
    expect(await client.reply()).toMatch(/^250-/);
    expect(await client.reply()).toBe("221 2.0.0 Bye");
    expect(relay.log.filter((line) => line.includes("fault"))).toEqual([]);
  });
});
