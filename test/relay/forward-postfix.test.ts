/** `[[route]] forward_client` with a real Postfix behind the relay. Needs root. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { isRoot, startPostfix } from "../fakes/postfix.ts";
import type { Postfix } from "../fakes/postfix.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

describe.skipIf(missing("postfix") || !isRoot())("Postfix", () => {
  let postfix: Postfix;
  beforeAll(async () => {
    postfix = await startPostfix({
      files: { clients: "198.51.100.66 REJECT of_this_client\n" },
      main: {
        smtpd_authorized_xclient_hosts: "127.0.0.1",
        smtpd_authorized_xforward_hosts: "127.0.0.1",
        relay_domains: "kontor.example",
        inet_protocols: "all",
        // What Postfix thinks of the client shows in what it refuses.
        smtpd_recipient_restrictions: "check_client_access cidr:{folder}/clients, reject_unauth_destination, permit",
        defer_transports: "smtp relay",
      },
    });
  });
  afterAll(() => postfix.stop());

  async function relayWith(how: string): Promise<TestRelay> {
    return startTestRelay({
      config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${postfix.port}"\nforward_client = "${how}"
[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:0"]\nproxy_from = ["127.0.0.1"]\n`,
    });
  }

  async function client(relay: TestRelay, ip: string, helo: string): Promise<SmtpClient> {
    const opened = await SmtpClient.open(relay.port);
    const family = ip.includes(":") ? "TCP6" : "TCP4";
    opened.write(`PROXY ${family} ${ip} ${ip.includes(":") ? "::1" : "127.0.0.1"} 4711 25\r\n`);
    expect(await opened.reply()).toMatch(/^220 /);
    expect(await opened.command(`EHLO ${helo}`)).toMatch(/^250/);
    return opened;
  }

  async function rcpt(from: SmtpClient, sender: string): Promise<string | undefined> {
    await from.command(`MAIL FROM:<${sender}>`);
    return from.command("RCPT TO:<anna@kontor.example>");
  }

  async function send(from: SmtpClient, sender: string): Promise<void> {
    expect(await rcpt(from, sender)).toMatch(/^250/);
    await from.command("DATA");
    expect(await from.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
  }

  it("takes the stranger for its client by XCLIENT, message by message", async () => {
    const relay = await relayWith("xclient");
    const one = await client(relay, "198.51.100.7", "seven.sender.example");
    const six = await client(relay, "2001:db8::6", "six.sender.example");
    const bad = await client(relay, "198.51.100.66", "bad.sender.example");
    await send(one, "one@sender.example");
    await send(six, "six@sender.example");
    expect(await rcpt(bad, "bad@sender.example")).toMatch(/^554 5\.7\.1 .*of_this_client/);
    await send(one, "again@sender.example");
    const log = postfix.log();
    expect(log.match(/: client=unknown\[198\.51\.100\.7\]/g)).toHaveLength(2);
    expect(log).toContain(": client=unknown[2001:db8::6]");
    expect(log).toMatch(
      /reject: RCPT from unknown\[198\.51\.100\.66\].*from=<bad@sender\.example>.*helo=<bad\.sender\.example>/,
    );
    [one, six, bad].forEach((each) => each.close());
    await relay.stop();
  });

  it("logs the stranger by XFORWARD, and still decides by the relay's address", async () => {
    const relay = await relayWith("xforward");
    const bad = await client(relay, "198.51.100.66", "bad.sender.example");
    const six = await client(relay, "2001:db8::7", "six.sender.example");
    await send(bad, "forwarded@sender.example");
    await send(six, "six@sender.example");
    await send(bad, "again@sender.example");
    expect(postfix.log().match(/ orig_client=unknown\[198\.51\.100\.66\]/g)).toHaveLength(2);
    expect(postfix.log()).toContain("orig_client=unknown[2001:db8::7]");
    [bad, six].forEach((each) => each.close());
    await relay.stop();
  });
});
