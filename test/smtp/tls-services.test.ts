import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { makeHash } from "../../src/auth/backends/scrypt.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { ask, base64, begin, beginTls, plain, probe } from "./tls-fixture.ts";

const own = makeSelfSigned(["mx.kontor.example", "127.0.0.1"], { from: new Date(Date.now() - 3_600_000), days: 30 });

const config = (hop: number): string => `
[tls]
cert = "cert.pem"
key = "key.pem"
[auth]
passwords = "passwords"
[clients]
rules = "mx.rules"
[spp]
home = "{folder}"
config = "smtpplugins"
[[route]]
domain = "*"
next_hop = "smtp://127.0.0.1:${hop}"

[[listener]]
name = "mx"
listen = ["127.0.0.1:0"]

[[listener]]
name = "submission"
listen = ["127.0.0.1:0"]
auth = true
rules = "submission.rules"
variables = { SPPCONFFILE = "msaplugins" }
checks = ["authrequired", "spp", "authlogger", "ifauthskip", "goodmailto", "loop"]

[[listener]]
name = "smtps"
listen = ["127.0.0.1:0"]
tls = "implicit"
auth = true
rules = "submission.rules"
variables = { SPPCONFFILE = "msaplugins" }
checks = ["verybadrcptto", "badmailfrom", "authrequired", "spp", "authlogger", "goodmailto", "loop"]
`;

describe("two services in one process", () => {
  let hop: NextHop;
  let relay: TestRelay;
  let ports: { mx: number; submission: number; smtps: number };
  const login = `AUTH PLAIN ${plain("alice", "geheim")}`;
  beforeAll(async () => {
    hop = await startNextHop();
    relay = await startTestRelay({
      config: config(hop.port),
      snapshot: ["alice@kontor.example"],
      files: {
        "cert.pem": own.certificate,
        "key.pem": own.key,
        passwords: `alice:${await makeHash("geheim")}\n`,
        "mx.rules": '127.0.0.9:deny\n127.:allow,MARK="mx"\n',
        "submission.rules": '127.0.0.8:deny\n127.0.0.7:allow,MARK="colleague",RELAYCLIENT=""\n127.:allow,MARK="msa"\n',
        smtpplugins: "[rcpt]\n./mxonly\n[mail]\n./probe\n",
        msaplugins: "[mail]\n./probe\n",
        probe: { text: probe, mode: 0o755 },
        mxonly: {
          text: `#!/bin/sh\ncase $SMTPRCPTTO in *@blocked.kontor.example|blocked@*) echo 'E550 5.7.1 blocked at the MX' ;; esac\n`,
          mode: 0o755,
        },
      },
    });
    const [mx = 0, submission = 0, smtps = 0] = relay.ports;
    ports = { mx, submission, smtps };
  });
  afterAll(async () => {
    await relay?.stop();
    await hop?.close();
  });

  it("takes mail of the world at the MX without AUTH, and for known recipients only", async () => {
    const { client, features } = await beginTls(ports.mx);
    expect(features).not.toContain("AUTH");
    expect(await ask(client)).toContain(
      "user=none method=none relay=none bypass=none tls=TLSv1.3 subject=none helo=client.test mark=mx",
    );
    expect(await client.command("MAIL FROM:<x@sender.test>")).toMatch(/^250 /);
    expect(await client.command("RCPT TO:<alice@kontor.example>")).toMatch(/^250 /);
    expect(await client.command("RCPT TO:<nobody@kontor.example>")).toMatch(/^550 5\.1\.1/);
    expect(await client.command("RCPT TO:<blocked@kontor.example>")).toBe("550 5.7.1 blocked at the MX");
    expect(await client.command("RCPT TO:<someone@elsewhere.test>")).toMatch(/^550 5\.7\.1/);
    client.close();
  });

  it("wants a login at submission, and then takes mail for anywhere, by its own plugins and rules", async () => {
    const { client } = await beginTls(ports.submission);
    expect(await client.command("MAIL FROM:<alice@kontor.example>")).toBe("530 5.7.0 Authentication required");
    expect(await client.command(login)).toMatch(/^235 /);
    expect(await ask(client)).toContain(
      "user=alice method=plain relay= bypass= tls=TLSv1.3 subject=none helo=client.test mark=msa",
    );
    await client.command("MAIL FROM:<alice@kontor.example>");
    expect(await client.command("RCPT TO:<someone@elsewhere.test>")).toMatch(/^250 /);
    expect(await client.command("RCPT TO:<blocked@kontor.example>")).toMatch(/^250 /);
    expect(await client.command("DATA")).toMatch(/^354 /);
    expect(await client.command("Subject: x\r\n\r\nhello\r\n.")).toMatch(/^250 /);
    client.close();
    expect(hop.received.at(-1)?.recipients).toEqual(["someone@elsewhere.test", "blocked@kontor.example"]);
  });

  it("does the same from the first byte at 465", async () => {
    const client = await SmtpClient.openTls(ports.smtps);
    await client.reply();
    expect(await client.command("EHLO client.test")).toContain("AUTH PLAIN LOGIN");
    expect(await client.command("MAIL FROM:<alice@kontor.example>")).toMatch(/^530 /);
    await client.command("AUTH LOGIN");
    await client.command(base64("alice"));
    expect(await client.command(base64("geheim"))).toMatch(/^235 /);
    expect(await ask(client)).toContain("user=alice method=login");
    client.close();
  });

  it("asks each service's own client rules", async () => {
    const greeting = async (port: number, from: string): Promise<string | undefined> => {
      const client = await SmtpClient.open(port, from);
      const said = await client.reply();
      client.close();
      return said;
    };
    expect(await greeting(ports.mx, "127.0.0.9")).toBeUndefined();
    expect(await greeting(ports.submission, "127.0.0.9")).toMatch(/^220 /);
    expect(await greeting(ports.submission, "127.0.0.8")).toBeUndefined();
    expect(await greeting(ports.mx, "127.0.0.8")).toMatch(/^220 /);
  });

  it("lets a client rule's RELAYCLIENT not stand for a login", async () => {
    const client = await SmtpClient.open(ports.submission, "127.0.0.7");
    await client.reply();
    await client.command("EHLO colleague.test");
    expect(await client.command("MAIL FROM:<x@kontor.example>")).toMatch(/^530 /);
    client.close();
  });

  it("keeps both after a reload", async () => {
    relay.reload(config(hop.port).replace('"authrequired", "spp", "authlogger", "ifauthskip"', '"spp", "ifauthskip"'));
    const { client } = await begin(ports.submission);
    expect(await client.command("MAIL FROM:<x@kontor.example>")).toMatch(/^250 /);
    client.close();
    const smtps = await SmtpClient.openTls(ports.smtps);
    await smtps.reply();
    await smtps.command("EHLO client.test");
    expect(await smtps.command("MAIL FROM:<x@kontor.example>")).toMatch(/^530 /);
    smtps.close();
  });
});
