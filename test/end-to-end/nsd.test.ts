/** Every check that asks DNS, in a relay of its own, against Debian's nsd. */
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { missing } from "../fakes/need.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { Nsd } from "../fakes/nsd.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { publishSnapshot } from "../fakes/snapshot.ts";
import { configOf, Scene } from "./scene.ts";

const zones = {
  "bl.example": [
    '2.0.0.127 A 127.0.0.2\n2.0.0.127 TXT "Test point"',
    '3.0.0.127 A 127.0.0.2\n3.0.0.127 TXT "Spam source"',
    '4.0.0.127 A 127.0.0.2\n4.0.0.127 TXT "Spam source"',
  ].join("\n"),
  "wl.example": "2.0.0.127 A 127.0.0.2\n4.0.0.127 A 127.0.9.1",
  // Lists that were given up: every name exists.
  "dead.example": "* A 127.0.0.2\n* TXT gone",
  "sold.example": "* A 203.0.113.1\n* TXT gone",
  "dbl.example": "spam.example A 127.0.0.4",
  "users.example": "vera.kontor.example A 127.0.0.2\n*.all.example A 127.0.0.2\ndots=21.kontor.example A 127.0.0.2",
  "0.0.127.in-addr.arpa": ["3", "4", "7"]
    .map((octet) => `${octet} PTR mail${octet}.clients.example.`)
    .concat("5 PTR p5.dip.dialin.clients.example.")
    .join("\n"),
  "clients.example": "mail3 A 127.0.0.3\nmail4 A 127.0.0.4\nmail7 A 127.0.0.7\np5.dip.dialin A 127.0.0.5",
};

describe.skipIf(missing("nsd"))("a relay that asks nsd", () => {
  let scene: Scene;
  let hop: NextHop;
  let nsd: Nsd;
  let relay: Awaited<ReturnType<Scene["serve"]>>;

  beforeAll(async () => {
    scene = new Scene();
    hop = await startNextHop();
    nsd = await Nsd.start(zones);
    await publishSnapshot(join(scene.folder, "snapshot.sqlite"), ["vera@kontor.example"]);
    scene.write("rhsbl_zones", "sold.example whatever\ndbl.example\tdoes not accept bounces\n");
    const more = `
[dns]
servers = ["${nsd.server}"]
timeout = "1s"
[checks]
run = ["dnsbl", "dnswl", "require_resolvable_client", "nodialup", "rhsbl", "dns_user", "rblspp"]
[checks.dnsbl]
zones = ["dead.example", "sold.example", "bl.example"]
[checks.dnswl]
zones = ["wl.example"]
[checks.dns_user]
zone = "users.example"
[checks.rblspp]
sources = ["a:wl.example", "r:dead.example:gone"]
`;
    const text = configOf({ hop: hop.port, more }).replace(
      "[domains]\nrelay = [",
      '[domains]\nrelay = ["all.example", ',
    );
    relay = await scene.serve(scene.write("relay.toml", text));
  });
  afterAll(async () => {
    await scene.close();
    await nsd.close();
    await hop.close();
  });

  const ask = async (ip: string, sender: string, recipient: string): Promise<string | undefined> => {
    const client = await SmtpClient.open(relay.port, ip);
    try {
      await client.reply();
      await client.command("EHLO client.test");
      await client.command(`MAIL FROM:<${sender}>`);
      return await client.command(`RCPT TO:<${recipient}>`);
    } finally {
      client.close();
    }
  };
  const vera = "vera@kontor.example";
  const welcome = "250 2.1.5 Recipient OK";

  it.each([
    ["a client that a list has", "127.0.0.3", "a@far.test", vera, "550 5.7.1 Spam source"],
    ["mail for postmaster of such a client", "127.0.0.3", "a@far.test", "postmaster@kontor.example", welcome],
    ["a client that a whitelist has as well", "127.0.0.4", "a@far.test", vera, welcome],
    ["a client that no list has", "127.0.0.7", "a@far.test", vera, welcome],
    ["a client without a name", "127.0.0.6", "a@far.test", vera, "450 4.7.25 Client host name cannot be found"],
    [
      "a client on a dial-up line",
      "127.0.0.5",
      "a@far.test",
      vera,
      "550 5.7.1 Sorry, p5.dip.dialin.clients.example (127.0.0.5) seems to be a dialup, use your ISP's SMTP server",
    ],
    [
      "a sender whose domain a list has",
      "127.0.0.7",
      "a@Spam.Example",
      vera,
      "550 5.7.1 Mail from spam.example rejected because it does not accept bounces",
    ],
    ["the null sender", "127.0.0.7", "", vera, welcome],
    ["a domain of which a wildcard takes all", "127.0.0.7", "a@far.test", "any.one@all.example", welcome],
    ["a user with octets that are written out", "127.0.0.7", "a@far.test", "dots!@kontor.example", "550"],
  ])("answers %s as the zones say", async (_, ip, sender, recipient, told) => {
    expect(await ask(ip, sender, recipient)).toMatch(new RegExp(`^${told.replaceAll(/[.()]/g, "\\$&")}`));
  });

  it("refuses a user that the zone does not have", async () => {
    expect(await ask("127.0.0.7", "a@far.test", "nobody@kontor.example")).toMatch(/^550 5\.1\.1 /);
  });

  it("leaves out the list that lists everybody, and says so", () => {
    const left = [...relay.program.output.matchAll(/list is left out zone=(\S+)/g)].map(([, zone]) => zone);
    expect(left).toEqual(["dead.example"]);
  });

  it("accepts all of its domains' recipients once the name server is gone, and says so", async () => {
    await nsd.close();
    // What is not known yet.
    expect(await ask("127.0.0.8", "a@spam2.example", "somebody@kontor.example")).toBe(welcome);
    expect(await ask("127.0.0.8", "a@far.test", "x@elsewhere.example")).toBe("550 5.7.1 Relaying denied");
    await relay.program.until(/dns: /);
  });
});
