/** A real OpenSMTPD with the lines of docs/lookups.md, which asks us by the filter of config/clients. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { notUnpacked } from "../fakes/jail.ts";
import type { Jailed } from "../fakes/jail.ts";
import { smtpdProgram, startOpenSmtpd } from "../fakes/opensmtpd.ts";
import { lists, plain, rich } from "./addresses.ts";
import { blockOf } from "./page.ts";
import { askOdd, askServer, compare, startAskedRelay } from "./servers.ts";
import type { AskedRelay } from "./servers.ts";

/** It knows no quotes, no octets beyond ASCII, no empty part of a user, and a name alone is one of its own. */
const own =
  /> 501 5\.1\.3 Recipient address|(?<!@(?:kontor\.example|kontor\.test|all\.example))> 550 Invalid recipient: /i;

describe.skipIf(notUnpacked(smtpdProgram))("a real OpenSMTPD that asks goodmailto", () => {
  let asked: AskedRelay;
  let smtpd: Jailed;

  beforeAll(async () => {
    asked = await startAskedRelay(["policy"]);
    const lines = blockOf("I keep my OpenSMTPD", "proc-exec", {
      "127.0.0.1:10040": `127.0.0.1:${asked.portOf("policy")}`,
      "listen on 0.0.0.0 port 25": "listen on 127.0.0.1 port {port}",
      '{ "kontor.example" }': '{ "kontor.example" "kontor.test" "all.example" }',
    });
    smtpd = await startOpenSmtpd(lines);
  });
  afterAll(async () => {
    await Promise.all([smtpd?.close(), asked?.relay.stop()]);
  });

  it.each(lists)("answers random addresses as the relay does over a list %s", async (_, rows) => {
    await asked.use(rows);
    const { wrong, classes } = await compare(asked.relay.port, smtpd.port, { own });
    expect(wrong).toEqual([]);
    expect(classes["2"]).toBeGreaterThan(20);
  });

  it("gives the relay's own replies", async () => {
    await asked.use(rich);
    const users = ["vera.yildiz", "nobody", "urlaub", "weg", "chef"];
    const addresses = users.map((user) => `${user}@kontor.example`);
    expect(await askServer(smtpd.port, [...addresses, "x@elsewhere.example"])).toEqual([
      "250 2.1.5 Destination address valid: Recipient ok",
      "550 5.1.1 No such user here",
      "450 4.2.1 Mailbox not available now, try again later",
      "450 4.2.1 Mailbox not available now, try again later",
      "550 5.7.1 Delivery not authorized",
      "550 Invalid recipient: <x@elsewhere.example>",
    ]);
  });

  it("tells who sends: client, name, sender", async () => {
    await asked.use(rich);
    await askServer(smtpd.port, ["team@kontor.example"], "bert@kontor.example");
    expect(asked.relay.log.at(-1)).toContain("host: 127.0.0.2 from: bert@kontor.example to: team");
  });

  it("takes nothing that a client writes for its own language, nor for another address", async () => {
    await asked.use(plain);
    expect(await askOdd(smtpd.port)).toEqual([]);
  });

  it("tries again later while nobody answers, and asks again afterwards", async () => {
    const port = asked.portOf("policy");
    await asked.relay.stop();
    const address = "vera.yildiz@kontor.example";
    expect(await askServer(smtpd.port, [address, address])).toEqual(Array(2).fill("451 4.3.0 Try again later"));
    const again = `[[lookup]]\nname = "again"\nprotocol = "policy"\nlisten = ["127.0.0.1:${port}"]\n`;
    asked = await startAskedRelay([], again);
    expect(await askServer(smtpd.port, [address])).toEqual([expect.stringMatching(/^250 /)]);
  });
});
