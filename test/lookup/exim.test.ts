/** A real Exim with the lines of docs/lookups.md, which asks us by readsocket. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { eximProgram, startExim } from "../fakes/exim.ts";
import { notUnpacked } from "../fakes/jail.ts";
import type { Jailed } from "../fakes/jail.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { lists, plain, rich } from "./addresses.ts";
import { blockOf } from "./page.ts";
import { askOdd, askServer, compare, startAskedRelay } from "./servers.ts";
import type { AskedRelay } from "./servers.ts";

const rest = `
  accept domains = +relay_to_domains
  deny message = relay not permitted
`;

describe.skipIf(notUnpacked(eximProgram))("a real Exim that asks goodmailto", () => {
  let asked: AskedRelay;
  let exim: Jailed;

  beforeAll(async () => {
    asked = await startAskedRelay(["exim"]);
    const places = { "127.0.0.1:10042": `127.0.0.1:${asked.portOf("exim")}` };
    exim = await startExim(blockOf("I keep my Exim", "readsocket", places) + rest);
  });
  afterAll(async () => {
    await Promise.all([exim?.close(), asked?.relay.stop()]);
  });

  it.each(lists)("answers random addresses as the relay does over a list %s", async (_, rows) => {
    await asked.use(rows);
    const own = /> 501 <.*>: (?:domain missing or malformed|recipient address must contain a domain)$|^<postmaster> /i;
    const { wrong, classes } = await compare(asked.relay.port, exim.port, { isUntold: true, own });
    expect(wrong).toEqual([]);
    expect(classes["2"]).toBeGreaterThan(20);
  });

  it("gives the replies of the page", async () => {
    await asked.use(rich);
    const addresses = ["vera.yildiz", "nobody", "urlaub", "weg", "chef", "board"].map(
      (user) => `${user}@kontor.example`,
    );
    expect(await askServer(exim.port, [...addresses, "x@elsewhere.example"])).toEqual([
      "250 Accepted",
      "550 5.1.1 No such user here",
      "450 4.2.1 Try again later",
      "450 4.2.1 Try again later",
      "250 Accepted",
      "250 Accepted",
      "550 relay not permitted",
    ]);
  });

  it("takes nothing that a client writes for its own language, nor for another address", async () => {
    await asked.use(plain);
    expect(await askOdd(exim.port)).toEqual([]);
  });

  it("remembers no verdict for the next recipient", async () => {
    await asked.use(plain);
    const client = await SmtpClient.open(exim.port);
    await client.reply();
    await client.command("EHLO client.example");
    await client.command("MAIL FROM:<someone@partner.example>");
    const said: (string | undefined)[] = [];
    for (const address of [
      "nobody@kontor.example",
      "x@elsewhere.example",
      "info@kontor.example",
      "nobody@kontor.test",
    ]) {
      said.push((await client.command(`RCPT TO:<${address}>`))?.slice(0, 9));
    }
    client.close();
    expect(said).toEqual(["550 5.1.1", "550 relay", "250 Accep", "550 5.1.1"]);
  });

  it("tries again later if nobody answers", async () => {
    await asked.relay.stop();
    expect(await askServer(exim.port, ["vera.yildiz@kontor.example"])).toEqual(["450 4.2.1 Try again later"]);
  });
});
