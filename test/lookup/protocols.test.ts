/** Each protocol octet by octet: what is answered, and what becomes of input that is none of it. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { lookupSections, netstring, policyQuestion, Wire } from "./scene.ts";

const vera = "vera@kontor.example";
const config = `
[smtp]
listen = []
hostname = "mx.kontor.example"
[clients]
rules = "rules"
[checks]
run = ["goodmailto", "badrcptto", "denybounce"]
[checks.badrcptto]
file = "badrcptto"
[checks.denybounce]
file = "nobounces"
[limits]
harvest_client_limit = 3
harvest_hangup_after = 0
${lookupSections(["socketmap", "policy", "tcp"])}
[[lookup]]
name = "unix"
protocol = "tcp"
listen = ["unix:{folder}/asked"]
mode = "0640"
`;
const files = {
  rules: '192.0.2.1:allow,NOGOODMAILTO=""\n192.0.2.2:deny\n192.0.2.3:allow,RELAYCLIENT=""\n:allow\n',
  badrcptto: "bert@kontor.example\n",
  nobounces: "vera@kontor.example\n",
};

describe("lookups of other mail servers", () => {
  let relay: TestRelay;
  const portOf = (name: string): number => relay.ports[["socketmap", "policy", "tcp"].indexOf(name)] ?? 0;
  const wires: Wire[] = [];
  const open = async (name: string): Promise<Wire> => {
    const wire = await Wire.open({ port: portOf(name), host: "127.0.0.1" });
    wires.push(wire);
    return wire;
  };

  beforeAll(async () => {
    const snapshot = [
      vera,
      '"nie mand0"@kontor.example',
      "bert@kontor.example",
      "info@kontor.example",
      "kurz",
      "jürgen",
    ];
    relay = await startTestRelay({ config, snapshot, files });
  });
  afterAll(async () => {
    wires.forEach((wire) => wire.close());
    await relay?.stop();
  });

  it("are all that a process without SMTP listens for", () => {
    expect(relay.relay.addresses).toHaveLength(4);
    expect(relay.relay.addresses[3]).toBe(`unix:${relay.folder}/asked`);
  });

  it.each([
    [`x ${vera}`, `OK ${vera}`],
    ["x VERA@Kontor.TEST", "OK VERA@Kontor.TEST"],
    ['x "nie mand0"@kontor.example', 'OK "nie mand0"@kontor.example'],
    ["x nie mand0@kontor.example", "OK nie mand0@kontor.example"],
    ["x J\xc3\x9cRGEN@kontor.example", "OK J\xc3\x9cRGEN@kontor.example"],
    ["x ju\xcc\x88rgen@kontor.example", "OK ju\xcc\x88rgen@kontor.example"],
    ["x j\xc3rgen@kontor.example", "NOTFOUND "],
    ["x vera+list@kontor.example", "OK vera+list@kontor.example"],
    ["x nobody@kontor.example", "NOTFOUND "],
    // Another check refuses it, whoever writes.
    ["x bert@kontor.example", "NOTFOUND "],
    // Refuses the null sender alone: it is there.
    ["x info@kontor.example", "OK info@kontor.example"],
    ["x vera%elsewhere.example@kontor.example", "NOTFOUND "],
    ["x vera@elsewhere.example", "NOTFOUND "],
    // Would accept everybody of the domain.
    ["x @kontor.example", "NOTFOUND "],
    ["x @x:vera@kontor.example", "NOTFOUND "],
    ["x @", "NOTFOUND "],
    ["x ", "NOTFOUND "],
    // Postfix asks for a bare name after the address was not found.
    ["x kurz", "NOTFOUND "],
    ["x kurz@kontor.example", "OK kurz@kontor.example"],
    ["x v\xe9ra@kontor.example", "NOTFOUND "],
    ["vera@kontor.example", "PERM not a map and a key"],
    ["", "PERM not a map and a key"],
  ])("socketmap answers %j by %j", async (question, answer) => {
    const wire = await open("socketmap");
    wire.write(netstring(question));
    expect(await wire.until(/,$/)).toBe(netstring(answer));
  });

  it("socketmap answers pipelined questions in their order, and one that comes octet by octet", async () => {
    const wire = await open("socketmap");
    wire.write(netstring(`x ${vera}`) + netstring("x nobody@kontor.example") + netstring(`x ${vera}`));
    const found = netstring(`OK ${vera}`);
    expect(await wire.until(/vera.*vera[^,]*,$/)).toBe(found + netstring("NOTFOUND ") + found);
    for (const octet of netstring(`x ${vera}`)) {
      wire.write(octet);
    }
    expect(await wire.until(/,$/)).toBe(found);
  });

  it.each([
    ["nonsense", "24:PERM not a netstring,"],
    ["5:hello;", "24:PERM not a netstring,"],
    ["01:x,", "24:PERM not a netstring,"],
    ["999999999:", "21:PERM request too long,"],
    ["9999999999999:", "24:PERM not a netstring,"],
  ])("socketmap closes after %j", async (octets, answer) => {
    const wire = await open("socketmap");
    wire.write(octets);
    expect(await wire.rest()).toMatch(new RegExp(`^${answer.replace(/^\d+/, "\\d+")}$`));
  });

  it.each([
    [`get ${vera}`, `200 ${vera}`],
    ["get nie%20mand0@kontor.example", "200 nie%20mand0@kontor.example"],
    ["get nobody@kontor.example", "500 not found"],
    ["get @kontor.example", "500 not found"],
    // No source route: a user part that begins with an @, as Postfix has it without the quotes.
    ["get @x:vera@kontor.example", "500 not found"],
    ["get vera%zz@kontor.example", "400 not a request"],
    [`put ${vera} x`, "400 not a request"],
    ["", "400 not a request"],
  ])("tcp answers %j by %j", async (question, answer) => {
    const wire = await open("tcp");
    wire.write(`${question}\n`);
    expect(await wire.until(/\n$/)).toBe(`${answer}\n`);
  });

  it("tcp closes after a line that is too long", async () => {
    const wire = await open("tcp");
    wire.write(`get ${"x".repeat(5000)}`);
    expect(await wire.rest()).toBe("400 line too long\n");
  });

  it.each([
    [{ recipient: vera }, "DUNNO"],
    [{ recipient: "nie mand0@kontor.example" }, "DUNNO"],
    [{ recipient: "nie mand1@kontor.example" }, "550 5.1.1 No such user here"],
    [{ recipient: "nobody@kontor.example" }, "550 5.1.1 No such user here"],
    [{ recipient: "vera%b@kontor.example" }, "550 5.7.1 Relaying denied"],
    [{ recipient: "v\xe9ra@kontor.example" }, "501 5.1.3 Bad recipient address syntax"],
    [{ recipient: "J\xc3\x9cRGEN@k\xc3\xb6ntor.example" }, "DUNNO"],
    [{ recipient: "j\xc3\xb6rgen@kontor.example" }, "550 5.1.1 No such user here"],
    [{ recipient: "j\xc3\xbcrgen@k\xc3\xb6ntor.example", sender: "\xce\xb4@partner.example" }, "DUNNO"],
    // A name without a domain, of which Postfix makes an address of its own domain.
    [{ recipient: "@`x:" }, "501 5.1.3 Bad recipient address syntax"],
    [{ recipient: "x@" }, "501 5.1.3 Bad recipient address syntax"],
    // Where other mail goes is the business of the server that asks.
    [{ recipient: "vera@elsewhere.example" }, "DUNNO"],
    [{ recipient: "not an address@else where" }, "DUNNO"],
    [{ recipient: "" }, "DUNNO"],
    [{ recipient: "nobody@kontor.example", protocol_state: "DATA" }, "DUNNO"],
    [{ recipient: "info@kontor.example", sender: "" }, /^550 /],
    [{ recipient: "info@kontor.example", sender: "a@partner.example" }, "DUNNO"],
    [{ recipient: "nobody@kontor.example", client_address: "192.0.2.1" }, "DUNNO"],
    [{ recipient: "nobody@kontor.example", client_address: "192.0.2.2" }, /^421 4\.7\.1 /],
    [{ recipient: "nobody@kontor.example", client_address: "192.0.2.9", sasl_username: "vera" }, "DUNNO"],
  ])("policy answers %j by %s", async (attributes, action) => {
    const wire = await open("policy");
    const { recipient, ...more } = attributes;
    wire.write(policyQuestion({ sender: "a@partner.example", ...more, recipient }));
    const said = await wire.until(/\n\n$/);
    expect(said).toMatch(/^action=.*\n\n$/);
    const words = said.slice("action=".length, -2);
    if (typeof action === "string") {
      expect(words).toBe(action);
    } else {
      expect(words).toMatch(action);
    }
  });

  it("policy closes without a word after what is no question", async () => {
    for (const octets of ["hello\n\n", "request=junk_mail\n\n", `request=${"x".repeat(40_000)}`]) {
      const wire = await open("policy");
      wire.write(octets);
      expect(await wire.rest()).toBe("");
    }
  });

  it("count unknown recipients of a client, and block it as the relay does", async () => {
    const wire = await open("policy");
    const client_address = "198.51.100.7";
    const said: string[] = [];
    for (const recipient of ["n1", "n2", "n3", "n4", "vera"].map((user) => `${user}@kontor.example`)) {
      wire.write(policyQuestion({ client_address, recipient, sender: "a@partner.example" }));
      said.push((await wire.until(/\n\n$/)).slice(7, 10));
    }
    expect(said).toEqual(["550", "550", "550", "421", "421"]);
    expect(relay.log.join("\n")).toMatch(/limit.*ip=198\.51\.100\.7 limit=harvest by=client unknown=3/);
    wire.write(policyQuestion({ client_address: "198.51.100.8", recipient: vera, sender: "" }));
    expect(await wire.until(/\n\n$/)).toBe("action=DUNNO\n\n");
  });

  it("write the relay's log line, and count by protocol and verdict", async () => {
    const wire = await open("policy");
    wire.write(
      policyQuestion({ client_address: "192.0.2.77", recipient: "NoSuch@kontor.test", sender: "a@b.example" }),
    );
    await wire.until(/\n\n$/);
    expect(relay.log.at(-1)).toBe(
      "goodmailto: host: 192.0.2.77 from: a@b.example to: nosuch (NoSuch@kontor.test) status: not found",
    );
    const table = await open("tcp");
    table.write(`get ${vera}\n`);
    await table.until(/\n$/);
    expect(relay.log.at(-1)).toBe(
      "goodmailto: host: tcp from: (not told) to: vera (vera@kontor.example) status: found",
    );
    const totals = relay.metrics.totals();
    expect(totals['lookups{verdict="known",protocol="tcp"}']).toBeGreaterThan(0);
    expect(totals['lookups{verdict="unknown",protocol="policy"}']).toBeGreaterThan(0);
  });

  it("answer at a Unix socket with its mode, which goes with the process", async () => {
    const path = join(relay.folder, "asked");
    expect(statSync(path).mode & 0o777).toBe(0o640);
    const wire = await Wire.open({ path });
    wires.push(wire);
    wire.write(`get ${vera}\n`);
    expect(await wire.until(/\n$/)).toBe(`200 ${vera}\n`);
    const other = await startTestRelay({ config, snapshot: [vera], files });
    const left = join(other.folder, "asked");
    expect(existsSync(left)).toBe(true);
    await other.relay.stop();
    expect(existsSync(left)).toBe(false);
    await other.stop();
  });
});
