/** `[[listener]] proxy_from`: real haproxy before the relay, and peers that say something else than a PROXY header. */
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { startHaproxy } from "../fakes/haproxy.ts";
import type { Haproxy } from "../fakes/haproxy.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const own = makeSelfSigned(["mx.kontor.example"], { from: new Date(Date.now() - 3_600_000), days: 30 });

const listener = (name: string, tls: string): string =>
  `[[listener]]\nname = "${name}"\nlisten = ["127.0.0.1:0"]\ntls = "${tls}"\nproxy_from = ["127.0.0.1", "::1"]\n`;

/** The proxy itself may relay, 192.0.2.66 may not connect, 192.0.2.77 may relay. */
const rules = `127.0.0.1:allow,RELAYCLIENT="",WHO="the proxy"
127.:allow,WHO="a client"
192.0.2.66:deny
192.0.2.77:allow,RELAYCLIENT=""
:allow
`;

const version2 = (command: number, tlvs = ""): Buffer => {
  const body = Buffer.concat([Buffer.from([192, 0, 2, 9, 198, 51, 100, 25, 0x12, 0x67, 0, 25]), Buffer.from(tlvs)]);
  const fixed = Buffer.from([command, 0x11, body.length >> 8, body.length & 255]);
  return Buffer.concat([Buffer.from("\r\n\r\n\0\r\nQUIT\n"), fixed, body]);
};

let hop: NextHop;
let relay: TestRelay;
let plain = 0;
let smtps = 0;
beforeAll(async () => {
  hop = await startNextHop();
  relay = await startTestRelay({
    config: `[tls]\ncert = "cert.pem"\nkey = "key.pem"\n[clients]\nrules = "rules"\n[limits]\nharvest_hangup_after = 2\nharvest_delay_max = "0s"
[smtp]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nidle_timeout = "2s"\nmax_connections_per_client = 9\nlisten = ["127.0.0.1:0"]
[checks]\nrun = ["goodmailto"]\n[log]\nsessions = true
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n${listener("mx", "starttls")}${listener("smtps", "implicit")}`,
    snapshot: ["anna@kontor.example"],
    files: { "cert.pem": own.certificate, "key.pem": own.key, rules },
  });
  [plain = 0, smtps = 0] = relay.ports;
});
afterAll(async () => {
  await relay.stop();
  await hop.close();
});

/** A peer of 127.0.0.1, or of another address of this machine, that begins with these bytes. */
async function peer(header: string | Buffer, from = "127.0.0.1"): Promise<SmtpClient> {
  const client = await SmtpClient.open(plain, from);
  client.write(header);
  return client;
}

/** One message; the Received field that the next hop has got. */
async function send(client: SmtpClient, recipient = "anna@kontor.example"): Promise<string> {
  const before = hop.received.length;
  expect(await client.command("EHLO client.example")).toMatch(/^250/);
  expect(await client.command("MAIL FROM:<s@sender.example>")).toMatch(/^250/);
  const answer = (await client.command(`RCPT TO:<${recipient}>`)) ?? "closed";
  if (!answer.startsWith("250")) {
    return answer;
  }
  await client.command("DATA");
  expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
  client.close();
  return /^Received: from client\.example \((.*)\)/.exec(String(hop.received[before]?.message))?.[1] ?? "";
}

describe("a peer of proxy_from", () => {
  it.each([
    ["version 1", "PROXY TCP4 192.0.2.9 198.51.100.25 4711 25\r\n", "unknown [192.0.2.9]"],
    ["version 1, IPv6", "PROXY TCP6 2001:db8::9 2001:db8::25 4711 25\r\n", "unknown [IPv6:2001:db8::9]"],
    ["version 2", version2(0x21), "unknown [192.0.2.9]"],
    ["version 2 with TLVs", version2(0x21, "\x20\x00\x08\x01\0\0\0\0TLS1"), "unknown [192.0.2.9]"],
  ])("%s: its client is the client", async (_, header, found) => {
    const client = await peer(header);
    expect(await client.reply()).toMatch(/^220 /);
    expect(await send(client)).toBe(found);
  });

  it("may send the header byte by byte, and the first command with it", async () => {
    const client = await peer("");
    for (const byte of "PROXY TCP4 192.0.2.9 198.51.100.25 4711 25\r\n") {
      client.write(byte);
    }
    expect(await client.reply()).toMatch(/^220 /);
    client.close();
    const early = await peer("PROXY TCP4 192.0.2.9 198.51.100.25 4711 25\r\nEHLO early.example\r\n");
    // One that talks before its greeting, if the relay sees that in time.
    const first = await early.reply();
    expect(first?.startsWith("220 ") === true ? await early.reply() : first).toMatch(/^(?:421 4\.7\.0 You talk|250-)/);
    early.close();
  });

  it.each([
    ["UNKNOWN", "PROXY UNKNOWN\r\n"],
    ["LOCAL", version2(0x20)],
  ])("%s: is the client itself", async (_, header) => {
    const client = await peer(header);
    expect(await client.reply()).toMatch(/^220 /);
    // It may relay by its own client rule.
    expect(await send(client, "x@elsewhere.example")).toBe("unknown [127.0.0.1]");
  });

  it.each([
    ["a command", "EHLO client.example\r\n"],
    ["a header of somebody else", "PROXY TCP4 192.0.2.9 198.51.100.25 4711\r\n"],
    ["a line without end", "PROXY UNKNOWN ".padEnd(200, "x")],
    ["TLVs without end", Buffer.from("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "latin1")],
    ["a second greeting behind a faulty header", "PROXY TCP4 a b 1 2\r\nMAIL FROM:<>\r\n"],
  ])("is disconnected without a word after %s", async (_, bytes) => {
    const client = await peer(bytes);
    expect(await client.closed()).toBe(true);
    expect(await client.line()).toBeUndefined();
  });

  it("is disconnected if its header does not come in time, and that is logged", async () => {
    const began = performance.now();
    const client = await peer("PROXY TCP4 ");
    expect(await client.closed()).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(1500);
    expect(relay.log.join("\n")).toMatch(/no PROXY header from a peer of proxy_from, disconnected .*ip=127\.0\.0\.1/);
  });

  it("may look whether the port is open, of which nothing is logged", async () => {
    const before = relay.log.length;
    const client = await SmtpClient.open(plain);
    client.end();
    expect(await client.closed()).toBe(true);
    expect(relay.log.slice(before)).toEqual([]);
  });
});

it("client rules, limits for each client, and the harvest defence go by the client of the header", async () => {
  const denied = await peer("PROXY TCP4 192.0.2.66 198.51.100.25 4711 25\r\n");
  expect(await denied.closed()).toBe(true);
  const stranger = await peer("PROXY TCP4 192.0.2.10 198.51.100.25 4711 25\r\n");
  await stranger.reply();
  expect(await send(stranger, "x@elsewhere.example")).toBe("550 5.7.1 Relaying denied");
  const trusted = await peer("PROXY TCP4 192.0.2.77 198.51.100.25 4711 25\r\n");
  await trusted.reply();
  expect(await send(trusted, "x@elsewhere.example")).toBe("unknown [192.0.2.77]");
  // Nine of one client are the limit, and the proxy's other clients are not of that one.
  const crowd = await Promise.all(
    [...Array.from({ length: 10 }, () => "11"), "12", "13"].map((last) =>
      peer(`PROXY TCP4 192.0.2.${last} 198.51.100.25 4711 25\r\n`),
    ),
  );
  const greetings = await Promise.all(crowd.map((client) => client.reply()));
  expect(greetings.map((text) => text?.slice(0, 3)).toSorted()).toEqual([
    ...Array.from({ length: 11 }, () => "220"),
    "421",
  ]);
  crowd.forEach((client) => client.close());
  const guessing = await peer("PROXY TCP4 192.0.2.14 198.51.100.25 4711 25\r\n");
  await guessing.reply();
  expect(await send(guessing, "nobody1@kontor.example")).toMatch(/^550 5\.1\.1/);
  expect(await guessing.command("RCPT TO:<nobody2@kontor.example>")).toMatch(/^421 /);
  const blocked = await peer("PROXY TCP4 192.0.2.14 198.51.100.25 4711 25\r\n");
  expect(await blocked.reply()).toMatch(/^421 /);
  const other = await peer("PROXY TCP4 192.0.2.15 198.51.100.25 4711 25\r\n");
  expect(await other.reply()).toMatch(/^220 /);
  [stranger, trusted, guessing, blocked, other].forEach((client) => client.close());
  await expect.poll(() => relay.log.join("\n")).toMatch(/session end .*ip=192\.0\.2\.15 /);
});

it("a PROXY line from elsewhere is no header: the client is who it is", async () => {
  const client = await SmtpClient.open(plain, "127.0.0.9");
  await client.reply();
  expect(await client.command("PROXY TCP4 192.0.2.77 198.51.100.25 4711 25")).toMatch(/^500 /);
  client.write(version2(0x21));
  expect(await client.closed()).toBe(true);
  const honest = await SmtpClient.open(plain, "127.0.0.9");
  await honest.reply();
  expect(await send(honest, "x@elsewhere.example")).toBe("550 5.7.1 Relaying denied");
  [client, honest].forEach((each) => each.close());
});

it("the header comes before the handshake of implicit TLS, and a handshake that fails is its client's", async () => {
  const socket = connect(smtps, "127.0.0.1");
  await once(socket, "connect");
  socket.write("PROXY TCP4 192.0.2.9 198.51.100.25 4711 465\r\n");
  const secure = connectTls({ socket, rejectUnauthorized: false });
  const [greeting] = (await once(secure, "data")) as [Buffer];
  expect(greeting.toString()).toMatch(/^220 /);
  secure.destroy();
  const noise = connect(smtps, "127.0.0.1").on("error", () => undefined);
  await once(noise, "connect");
  noise.resume().write("PROXY TCP4 192.0.2.16 198.51.100.25 4711 465\r\nEHLO not TLS at all\r\n");
  await once(noise, "close");
  expect(relay.log.join("\n")).toMatch(/TLS handshake failed .*ip=192\.0\.2\.16/);
});

it("a reload changes who is a proxy", async () => {
  relay.reload(relay.config.replace(/proxy_from = \["127\.0\.0\.1", "::1"\]/, "proxy_from = []"));
  const client = await SmtpClient.open(plain);
  expect(await client.reply()).toMatch(/^220 /);
  client.close();
  relay.reload(relay.config);
  const proxy = await peer("PROXY TCP4 192.0.2.17 198.51.100.25 4711 25\r\n");
  expect(await proxy.reply()).toMatch(/^220 /);
  proxy.close();
});

describe.skipIf(missing("haproxy"))("behind haproxy", () => {
  let haproxy: Haproxy;
  beforeAll(async () => {
    const checks = "option smtpchk EHLO haproxy.kontor.example";
    haproxy = await startHaproxy({
      v1: { bind: "127.0.0.1", to: plain, server: "send-proxy check inter 500ms", backend: checks },
      v2: { bind: "127.0.0.1", to: plain, server: "send-proxy-v2 check inter 500ms", backend: checks },
      tlvs: {
        bind: "127.0.0.1",
        to: plain,
        server: "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,unique-id,crc32c check inter 500ms",
      },
      v1ipv6: { bind: "[::1]", to: plain, server: "send-proxy" },
      v2ipv6: { bind: "[::1]", to: plain, server: "send-proxy-v2" },
      smtps: { bind: "127.0.0.1", to: smtps, server: "send-proxy-v2" },
    });
  });
  afterAll(() => haproxy.stop());

  it.each(["v1", "v2", "tlvs"])("%s: the relay sees the client of IPv4", async (way) => {
    const client = await SmtpClient.open(haproxy.ports[way] ?? 0, "127.0.0.5");
    expect(await client.reply()).toMatch(/^220 /);
    expect(await send(client)).toBe("unknown [127.0.0.5]");
  });

  it.each(["v1ipv6", "v2ipv6"])("%s: the relay sees the client of IPv6", async (way) => {
    const client = await SmtpClient.open(haproxy.ports[way] ?? 0, "::1", "::1");
    expect(await client.reply()).toMatch(/^220 /);
    expect(await send(client)).toBe("unknown [IPv6:::1]");
  });

  it("TLS from the first byte goes through it", async () => {
    const client = await SmtpClient.openTls(haproxy.ports["smtps"] ?? 0);
    expect(await client.reply()).toMatch(/^220 /);
    client.close();
  });

  it.each([
    ["v1", /^UP L7OK/],
    ["v2", /^UP L7OK/],
    ["tlvs", /^UP L4OK/],
  ])("%s: its health checks succeed", async (way, found) => {
    await expect.poll(() => haproxy.health(way), { timeout: 15_000 }).toMatch(found);
  });
});
