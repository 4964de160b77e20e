/** `[[listener]] xclient_from`: nginx, swaks and another relay speak for their clients; whoever is not named cannot. */
import { execFile } from "node:child_process";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startNginxMail } from "../fakes/nginx-mail.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const own = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });

/** The proxy may relay, 192.0.2.66 may not connect, 192.0.2.77 may relay, a name may, too. */
const rules = `127.0.0.1:allow,RELAYCLIENT="",WHO="the proxy"
192.0.2.66:deny
192.0.2.77:allow,RELAYCLIENT=""
=office.sender.example:allow,RELAYCLIENT=""
:allow
`;

let hop: NextHop;
let relay: TestRelay;
let believing = 0;
beforeAll(async () => {
  hop = await startNextHop();
  relay = await startTestRelay({
    config: `[tls]\ncert = "cert.pem"\nkey = "key.pem"\n[clients]\nrules = "rules"\n[limits]\nharvest_hangup_after = 2\nharvest_delay_max = "0s"\nconnection_rate = "9/60s"
[smtp]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nmax_connections_per_client = 2\nlisten = ["127.0.0.1:0"]
[checks]\nrun = ["goodmailto"]
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"
[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:0"]\nxclient_from = ["127.0.0.1"]
[[listener]]\nname = "in"\nlisten = ["127.0.0.1:0"]\nxclient_from = ["127.0.0.1"]\nxclient_login = true\n`,
    snapshot: ["anna@kontor.example"],
    files: { "cert.pem": own.certificate, "key.pem": own.key, rules },
  });
  [, believing = 0] = relay.ports;
});
afterAll(async () => {
  await relay.stop();
  await hop.close();
});

async function greeted(port = relay.port, from = "127.0.0.1"): Promise<SmtpClient> {
  const client = await SmtpClient.open(port, from);
  expect(await client.reply()).toMatch(/^220 /);
  return client;
}

/** A client that the proxy speaks for. */
async function present(attributes: string, port = relay.port): Promise<SmtpClient> {
  const client = await greeted(port);
  await client.command("EHLO proxy.example");
  expect(await client.command(`XCLIENT ${attributes}`)).toMatch(/^220 mx\.kontor\.example /);
  return client;
}

async function rcpt(client: SmtpClient, recipient: string): Promise<string | undefined> {
  await client.command("EHLO client.example");
  await client.command("MAIL FROM:<s@sender.example>");
  return client.command(`RCPT TO:<${recipient}>`);
}

describe("a named client", () => {
  it("is offered XCLIENT, without LOGIN unless that is believed, and others are not", async () => {
    const [one, two, stranger] = await Promise.all([greeted(), greeted(believing), greeted(relay.port, "127.0.0.2")]);
    expect(await one.command("EHLO a.example")).toMatch(/XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT\r?\n/);
    expect(await two.command("EHLO a.example")).toMatch(/XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT/);
    expect(await stranger.command("EHLO a.example")).not.toMatch(/XCLIENT|XFORWARD/);
    expect(await stranger.command("XCLIENT ADDR=192.0.2.77")).toMatch(/^550 5\.7\.0 /);
    expect(await stranger.command("XFORWARD ADDR=192.0.2.77")).toMatch(/^550 5\.7\.0 /);
    expect(await rcpt(stranger, "x@elsewhere.example")).toMatch(/^550 5\.7\.1 /);
    [one, two, stranger].forEach((each) => each.close());
  });

  it("gives its session to the stranger: rules, rights and Received are the stranger's", async () => {
    const client = await present("NAME=out.sender.example ADDR=192.0.2.9 PORT=4711 PROTO=ESMTP HELO=out.example");
    expect(await rcpt(client, "x@elsewhere.example")).toMatch(/^550 5\.7\.1 /);
    // Whoever is no proxy cannot become somebody else, nor the proxy again.
    await client.command("RSET");
    expect(await client.command("XCLIENT ADDR=127.0.0.1")).toMatch(/^550 5\.7\.0 /);
    await client.command("MAIL FROM:<s@sender.example>");
    expect(await client.command("RCPT TO:<anna@kontor.example>")).toMatch(/^250/);
    await client.command("DATA");
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
    expect(String(hop.received.at(-1)?.message)).toMatch(/^Received: from client\.example \(.*192\.0\.2\.9/);
    expect(relay.log.join("\n")).toMatch(/client by XCLIENT .*ip=192\.0\.2\.9 by=127\.0\.0\.1/);
    client.close();
  });

  it("lets one relay that may, by address or name, and nobody whose address it does not know", async () => {
    const by = async (attributes: string): Promise<string | undefined> => {
      const client = await present(attributes);
      const answer = await rcpt(client, "x@elsewhere.example");
      client.close();
      return answer;
    };
    expect(await by("ADDR=192.0.2.77")).toMatch(/^250/);
    expect(await by("ADDR=IPV6:2001:db8::7 NAME=office.sender.example")).toMatch(/^250/);
    expect(await by("ADDR=[UNAVAILABLE] NAME=[UNAVAILABLE]")).toMatch(/^550 5\.7\.1 /);
    expect(await by("ADDR=IPV6:2001:db8::7 NAME=[TEMPUNAVAIL]")).toMatch(/^550 5\.7\.1 /);
  });

  it("drops a client that may not connect, and counts connections under the client's address", async () => {
    const denied = await greeted();
    await denied.command("EHLO proxy.example");
    denied.write("XCLIENT ADDR=192.0.2.66\r\n");
    expect(await denied.reply()).toBeUndefined();
    const [one, two] = [await present("ADDR=192.0.2.20"), await present("ADDR=192.0.2.20")];
    const three = await greeted();
    expect(await three.command("XCLIENT ADDR=192.0.2.20")).toMatch(/^421 4\.7\.0 Too many connections/);
    [one, two, three].forEach((each) => each.close());
  });

  it("takes several XCLIENT, with the address last, and none in a transaction or with a wrong value", async () => {
    const client = await present("HELO=out.example PROTO=ESMTP");
    expect(await client.command("XCLIENT NAME=office.sender.example")).toMatch(/^220 /);
    expect(await client.command("XCLIENT ADDR=1.2.3")).toMatch(/^501 5\.5\.4 Bad ADDR/);
    expect(await client.command("XCLIENT LOGIN=anna")).toMatch(/^501 5\.5\.4 Bad LOGIN/);
    expect(await client.command("XCLIENT")).toMatch(/^501 5\.5\.4 Syntax/);
    await client.command("EHLO proxy.example");
    await client.command("MAIL FROM:<s@sender.example>");
    expect(await client.command("XCLIENT ADDR=192.0.2.9")).toMatch(/^503 5\.5\.1 /);
    await client.command("RSET");
    expect(await client.command("XCLIENT ADDR=192.0.2.9")).toMatch(/^220 /);
    // Its greeting was told: it need not be repeated. Its name may relay.
    expect(await client.command("MAIL FROM:<s@sender.example>")).toMatch(/^250/);
    expect(await client.command("RCPT TO:<x@elsewhere.example>")).toMatch(/^250/);
    client.close();
  });

  it("makes a login only where LOGIN is believed, and TLS begins without it", async () => {
    const client = await present("ADDR=192.0.2.9 LOGIN=anna", believing);
    expect(await rcpt(client, "x@elsewhere.example")).toMatch(/^250/);
    await client.command("RSET");
    expect(await client.command("STARTTLS")).toMatch(/^220/);
    await client.startTls();
    expect(await rcpt(client, "x@elsewhere.example")).toMatch(/^550 5\.7\.1 /);
    client.close();
  });

  it("says by XFORWARD whose message it hands on, for the log alone", async () => {
    const client = await greeted();
    await client.command("EHLO proxy.example");
    expect(await client.command("XFORWARD NAME=out.example ADDR=192.0.2.66 HELO=a+20b")).toMatch(/^250 /);
    expect(await client.command("XFORWARD ADDR=+zz")).toMatch(/^501 /);
    expect(await rcpt(client, "anna@kontor.example")).toMatch(/^250/);
    expect(relay.log.join("\n")).toMatch(/client by XFORWARD .*orig_name=out\.example orig_addr=192\.0\.2\.66/);
    client.close();
  });
});

it("is harvested under the stranger's address, not the proxy's", async () => {
  const client = await present("ADDR=192.0.2.88");
  expect(await rcpt(client, "nobody@kontor.example")).toMatch(/^550/);
  expect(await client.command("RCPT TO:<nobody2@kontor.example>")).toMatch(/^421/);
  expect(relay.log.join("\n")).toMatch(/harvest.*192\.0\.2\.88/);
  const next = await present("ADDR=192.0.2.89");
  expect(await rcpt(next, "anna@kontor.example")).toMatch(/^250/);
  next.close();
});

it.skipIf(missing("swaks"))("hears of swaks's client", async () => {
  const words = ["--server", `127.0.0.1:${relay.port}`, "--from", "s@sender.example", "--to", "x@elsewhere.example"];
  const run = (ip: string): Promise<string> =>
    new Promise((resolve) => {
      const options = ["--xclient-addr", ip, "--xclient-name", "out.example", "--quit-after", "RCPT"];
      execFile("swaks", [...words, ...options], { timeout: 20_000 }, (_, output) => resolve(output));
    });
  expect(await run("192.0.2.77")).toMatch(/-> RCPT TO:<x@elsewhere\.example>\n<-\s+250/);
  expect(await run("192.0.2.9")).toMatch(/-> RCPT TO:<x@elsewhere\.example>\n<\*\*\s+550 5\.7\.1/);
});

it.skipIf(missing("nginx", "the mail module"))("hears of nginx's client", async () => {
  const nginx = await startNginxMail(relay.port);
  const client = await greeted(nginx.port, "127.0.0.9").catch(() => SmtpClient.open(nginx.port, "127.0.0.9"));
  expect(await rcpt(client, "x@elsewhere.example")).toMatch(/^550 5\.7\.1 /);
  expect(await client.command("RCPT TO:<anna@kontor.example>")).toMatch(/^250/);
  expect(relay.log.join("\n")).toMatch(/client by XCLIENT .*ip=127\.0\.0\.9 by=127\.0\.0\.1/);
  client.close();
  await nginx.stop();
});

it("hears of the client of another relay", async () => {
  const front = await startTestRelay({
    config: `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "front.example"\ngreeting_delay = "0ms"
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${relay.port}"\nforward_client = "xclient"
[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:0"]\nproxy_from = ["127.0.0.1"]\n`,
  });
  const client = await SmtpClient.open(front.port);
  client.write("PROXY TCP6 2001:db8::5 ::1 4711 25\r\n");
  await client.reply();
  expect(await rcpt(client, "anna@kontor.example")).toMatch(/^250/);
  expect(relay.log.join("\n")).toMatch(/client by XCLIENT .*ip=2001:db8::5 by=127\.0\.0\.1/);
  client.close();
  await front.stop();
});
