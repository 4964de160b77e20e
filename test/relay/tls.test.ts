/** TLS to the next hop: off, where offered, or always and verified; and a hop that talks into the handshake. RFC 3207, 7435. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { resolverOf } from "../dns/resolver-of.ts";
import { silentLog } from "../../src/report/log.ts";
import { HopPool } from "../../src/couriers/smtp/hop-pool.ts";
import { createMailExchangers } from "../../src/dns/mail-exchangers.ts";
import { createAuthority } from "../fakes/certificates.ts";
import { startDns } from "../fakes/dns.ts";
import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import type { SmtpClient } from "../fakes/smtp-client.ts";
import { hello, send } from "./scene.ts";

const withoutOpenssl = missing("openssl");
let folder = "";
let ca = "";
const pairs: Record<string, { key: Buffer; cert: Buffer }> = {};
beforeAll(async () => {
  if (withoutOpenssl) {
    return;
  }
  folder = mkdtempSync(join(tmpdir(), "goodmailto-tls-"));
  const own = await createAuthority(folder, "own");
  const foreign = await createAuthority(folder, "foreign");
  ca = own.ca;
  for (const [name, authority, names] of [
    ["right", own, "IP:127.0.0.1"],
    ["wrong name", own, "DNS:other.example"],
    ["foreign", foreign, "IP:127.0.0.1"],
    ["exchanger", own, "DNS:mx.far.example"],
  ] as const) {
    const { certificate, key } = await authority.issue(`leaf-${name.replace(" ", "-")}`, names);
    pairs[name] = { key: readFileSync(key), cert: readFileSync(certificate) };
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open: { relay: TestRelay; hop: NextHop }[] = [];
afterEach(async () => {
  for (const { relay, hop } of open.splice(0)) {
    await hop.close();
    await relay.stop();
  }
});

/** Such a next hop, and a client of the relay in front of it. */
async function meet(
  tls: string,
  script: NextHopScript,
  scheme = "smtp",
  timeout = "8s",
): Promise<{ hop: NextHop; client: SmtpClient }> {
  const hop = await startNextHop(script);
  const relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = "${scheme}://127.0.0.1:${hop.port}"\ntimeout = "${timeout}"\ntls = "${tls}"\nca_file = "${ca}"`,
  });
  open.push({ relay, hop });
  return { hop, client: await hello(relay) };
}

/** What became of a message, and how it went. */
async function deliver(tls: string, script: NextHopScript, scheme = "smtp"): Promise<string> {
  const { hop, client } = await meet(tls, script, scheme, "1s");
  const replies = await send(client);
  client.close();
  const [first] = hop.received;
  // TLS spoken to a hop that knows none is not a violation of SMTP.
  expect(script.implicitTls === undefined && scheme === "smtps" ? [] : hop.violations).toEqual([]);
  expect(hop.received.length).toBe(replies.at(-1)?.startsWith("250") === true ? 1 : 0);
  return first === undefined ? (replies[0] ?? "").slice(0, 9) : first.tls ? "encrypted" : "plain";
}

describe.skipIf(withoutOpenssl)("TLS to the next hop", () => {
  it.each([
    ["off", "foreign", "plain"],
    ["opportunistic", "right", "encrypted"],
    ["opportunistic", "wrong name", "encrypted"],
    ["opportunistic", "foreign", "encrypted"],
    ["require", "right", "encrypted"],
    ["require", "wrong name", "451 4.4.1"],
    ["require", "foreign", "451 4.4.1"],
  ])("%s, with a certificate that is %s: %s", async (mode, pair, outcome) => {
    expect(await deliver(mode, { tls: pairs[pair] })).toBe(outcome);
  });

  it("is not offered: opportunistic goes on without, require does not", async () => {
    expect(await deliver("opportunistic", {})).toBe("plain");
    expect(await deliver("require", {})).toBe("451 4.4.1");
    expect(await deliver("require", { tls: pairs["right"], hideStartTls: true })).toBe("451 4.4.1");
  });

  it("breaks in the handshake: opportunistic goes on without, require does not", async () => {
    for (const starttls of [
      { drop: "rst", first: "220 go" },
      { drop: "fin", first: "220 go" },
      { bytes: "220 go\r\nno TLS at all, sorry" },
    ] as const) {
      const script = (): NextHopScript => ({ keywords: ["STARTTLS"], answers: { starttls } });
      expect(await deliver("opportunistic", script())).toBe("plain");
      expect(await deliver("require", script())).toBe("451 4.4.1");
    }
  });

  it("is refused by the hop: opportunistic goes on without, require does not", async () => {
    const script = (): NextHopScript => ({ keywords: ["STARTTLS"], answers: { starttls: "454 4.7.0 Not now" } });
    expect(await deliver("opportunistic", script())).toBe("plain");
    expect(await deliver("require", script())).toBe("451 4.4.1");
  });

  it("believes nothing that a hop, or someone in between, said in plain text behind its 220", async () => {
    const script = (): NextHopScript => ({
      tls: pairs["right"],
      answers: { starttls: { bytes: "220 go\r\n250 injected\r\n" } },
    });
    expect(await deliver("require", script())).toBe("451 4.4.1");
  });

  it("knows no feature that was injected in plain text as the first half of the answer to the next EHLO", async () => {
    for (const injected of [
      "250-hop\r\n250-PIPELINING\r\n250-SIZE 5\r\n",
      "250-PIPELINING\r\n250-SIZE 5\r\n250-8BIT",
    ]) {
      const { hop, client } = await meet("require", {
        tls: pairs["right"],
        keywords: ["8BITMIME"],
        answers: { starttls: { bytes: `220 go\r\n${injected}` } },
      });
      expect(await client.command("MAIL FROM:<s@sender.example> SIZE=1000 BODY=8BITMIME")).toMatch(/^250/);
      expect(await client.command("RCPT TO:<a@kontor.example>")).toBe("250 2.1.5 Recipient OK");
      expect(await client.command("DATA")).toMatch(/^354/);
      expect(await client.command(`${"x".repeat(900)}\r\n.`)).toBe("250 2.0.0 Accepted");
      expect(hop.received.map(({ tls, parameters }) => [tls, parameters])).toEqual([[true, "BODY=8BITMIME"]]);
      // Above all none of "pipelined without leave".
      expect(hop.violations).toEqual([]);
      client.close();
    }
  });

  it("is no reason to try once more without where something else failed", async () => {
    const script = { tls: pairs["right"], answers: { greeting: "554 5.7.1 No" } };
    expect(await deliver("opportunistic", script)).toBe("451 4.4.1");
    expect(open.at(-1)?.hop.connections).toBe(1);
  });

  it("that never comes ends the connection with its time limit", async () => {
    expect(await deliver("off", { answers: { greeting: { hang: true } } }, "smtps")).toBe("451 4.4.1");
    const hop = open.at(-1)?.hop;
    await hop?.until(() => hop.open === 0);
  });

  it("forgets what the hop offered in plain text", async () => {
    const offer = "250-hop.example\n250-STARTTLS\n250-PIPELINING\n250-8BITMIME\n250 SIZE 5";
    const { hop, client } = await meet("require", {
      tls: pairs["right"],
      keywords: [],
      answers: { ehlo: ({ tls }) => (tls ? undefined : offer) },
    });
    expect(await client.command("MAIL FROM:<s@sender.example> SIZE=1000 BODY=8BITMIME")).toMatch(/^250/);
    expect(await client.command("RCPT TO:<a@kontor.example>")).toBe("250 2.1.5 Recipient OK");
    expect(hop.commands[0]?.slice(3)).toEqual(["MAIL FROM:<s@sender.example>", "RCPT TO:<a@kontor.example>"]);
    expect(hop.violations).toEqual([]);
    client.close();
  });

  it("from the first byte is verified whatever the mode, unless opportunistic", async () => {
    const script = (pair: string): NextHopScript => ({ tls: pairs[pair], implicitTls: true });
    expect(await deliver("off", script("right"), "smtps")).toBe("encrypted");
    expect(await deliver("off", script("foreign"), "smtps")).toBe("451 4.4.1");
    expect(await deliver("require", script("wrong name"), "smtps")).toBe("451 4.4.1");
    expect(await deliver("opportunistic", script("foreign"), "smtps")).toBe("encrypted");
    expect(await deliver("off", {}, "smtps")).toBe("451 4.4.1");
  });

  it.each([
    ["the certificate has it", "mx.far.example", "encrypted"],
    ["the certificate has another", "mx.near.example", "451 4.4.1"],
  ])("by address asks for tls_name: %s", async (_, name, outcome) => {
    for (const [scheme, mode] of [
      ["smtp", "require"],
      ["smtps", "off"],
    ] as const) {
      const implicit = scheme === "smtps" ? { implicitTls: true } : {};
      const script = { tls: pairs["exchanger"], ...implicit };
      expect(await deliver(`${mode}"\ntls_name = "${name}`, script, scheme), scheme).toBe(outcome);
    }
  });

  it("by address asks for the address without tls_name", async () => {
    expect(await deliver("require", { tls: pairs["exchanger"] })).toBe("451 4.4.1");
    expect(await deliver('require"\ntls_name = "other.example', { tls: pairs["right"] })).toBe("451 4.4.1");
  });

  it("of a mail exchanger asks for the exchanger's name, not for its address", async () => {
    const dns = await startDns();
    const hop = await startNextHop({ tls: pairs["exchanger"] });
    const pool = new HopPool("mx.kontor.example", createMailExchangers(resolverOf([dns.server]), hop.port), silentLog);
    const route = {
      key: "mx",
      hops: [{ kind: "mx", scheme: "mx" }],
      replies: "mirror",
      tls: { mode: "require", ca: readFileSync(ca, "utf8") },
      timeout: 1000,
      dataTimeout: 1000,
    } as const;
    try {
      dns.add("far.example", "MX", "10 mx.far.example");
      dns.add("mx.far.example", "A", "127.0.0.1");
      dns.add("near.example", "MX", "10 mx.near.example");
      dns.add("mx.near.example", "A", "127.0.0.1");
      (await pool.open(route, "far.example")).quit();
      await expect(pool.open(route, "near.example")).rejects.toThrow(/mx\.near\.example/);
    } finally {
      await dns.close();
      await hop.close();
    }
  });
});
