/** DSN: who is offered it, what is refused, and what the next hop gets of it. RFC 3461. */
import { afterEach, describe, expect, it } from "vitest";

import { parseMail, parseRcpt } from "../../src/smtp/session/command.ts";
import type { NextHopScript } from "../fakes/next-hop.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";

afterEach(closeScenes);

const usual = ["PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES"];
const offering: NextHopScript = { keywords: [...usual, "DSN"] };

async function offersDsn(port: number, verb = "EHLO"): Promise<boolean> {
  const client = await SmtpClient.open(port);
  await client.reply();
  const said = await client.command(`${verb} client.example`);
  client.close();
  return /^250[- ]DSN\r?$/m.test(said ?? "");
}

/** The next hop is known from its first message on. */
async function acquaint(relay: TestRelay): Promise<void> {
  const client = await hello(relay);
  expect((await send(client, ["anna@kontor.example"])).at(-1)).toMatch(/^250/);
  client.close();
}

describe("DSN", () => {
  it("is offered when the next hop is known to offer it, and what it takes goes there as it came", async () => {
    const { relay, hop } = await scene(offering);
    expect(await offersDsn(relay.port)).toBe(false);
    await acquaint(relay);
    expect(await offersDsn(relay.port)).toBe(true);
    expect(await offersDsn(relay.port, "HELO")).toBe(false);
    const client = await hello(relay);
    expect(await client.command("MAIL FROM:<s@sender.example> RET=hdrs SIZE=99 ENVID=QQ+2B314")).toMatch(/^250/);
    const rcpts = [
      "RCPT TO:<a@kontor.example> NOTIFY=success,DELAY ORCPT=rfc822;Carol+40Ivory.EDU",
      "RCPT TO:<b@kontor.example>",
      "RCPT TO:<c@kontor.example> notify=NEVER",
    ];
    for (const rcpt of rcpts) {
      expect(await client.command(rcpt)).toMatch(/^250/);
    }
    await client.command("DATA");
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
    expect(hop.received.at(-1)).toMatchObject({
      parameters: "SIZE=99 RET=hdrs ENVID=QQ+2B314",
      rcptParameters: ["NOTIFY=success,DELAY ORCPT=rfc822;Carol+40Ivory.EDU", "", "NOTIFY=NEVER"],
    });
    client.close();
    // The next message has none of it.
    await acquaint(relay);
    expect(hop.received.at(-1)).toMatchObject({ parameters: "", rcptParameters: [""] });
    expect(hop.violations).toEqual([]);
  });

  it("is refused where it is not offered", async () => {
    const { relay, hop } = await scene();
    await acquaint(relay);
    const client = await hello(relay);
    expect(await client.command("MAIL FROM:<s@sender.example> RET=HDRS")).toMatch(/^555 5\.5\.4 /);
    expect(await client.command("MAIL FROM:<s@sender.example> ENVID=x")).toMatch(/^555 5\.5\.4 /);
    await client.command("MAIL FROM:<s@sender.example>");
    expect(await client.command("RCPT TO:<a@kontor.example> NOTIFY=NEVER")).toMatch(/^555 5\.5\.4 /);
    expect(hop.violations).toEqual([]);
    client.close();
  });

  it("is not offered after HELO, and not to clients that the settings leave out", async () => {
    const { relay } = await scene(
      offering,
      '[smtp]\nlisten = ["127.0.0.1:0"]\ngreeting_delay = "0ms"\ndsn = "own"\n[clients]\nrules = "{folder}/rules"\n',
      {
        files: { rules: '127.0.0.5:allow,RELAYCLIENT=""\n' },
      },
    );
    await acquaint(relay);
    expect(await offersDsn(relay.port)).toBe(false);
    const own = await SmtpClient.open(relay.port, "127.0.0.5");
    await own.reply();
    expect(await own.command("EHLO client.example")).toMatch(/^250[- ]DSN\r?$/m);
    await own.command("HELO client.example");
    expect(await own.command("MAIL FROM:<s@sender.example> RET=HDRS")).toMatch(/^555 /);
    own.close();
  });

  it("keeps from a hop that offers it no more what a client was offered", async () => {
    const { relay, hop } = await scene({ ...offering });
    await acquaint(relay);
    const client = await hello(relay);
    hop.script.keywords = usual;
    hop.reset();
    await client.command("MAIL FROM:<s@sender.example> RET=HDRS ENVID=x");
    expect(await client.command("RCPT TO:<a@kontor.example> NOTIFY=NEVER ORCPT=rfc822;b@c")).toMatch(/^250/);
    await client.command("DATA");
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
    expect(hop.received.at(-1)).toMatchObject({ parameters: "", rcptParameters: [""] });
    expect(hop.violations).toEqual([]);
    expect(await offersDsn(relay.port)).toBe(false);
    // What this client was offered it may still say.
    expect(await client.command("MAIL FROM:<s@sender.example> RET=HDRS")).toMatch(/^250/);
    client.close();
  });

  it("is only offered if every hop of every route offers it, and those are asked that nobody has seen", async () => {
    const hops = [await startNextHop({ ...offering }), await startNextHop({ ...offering })];
    const [first, second] = hops;
    const relay = await startTestRelay({
      config: `[[route]]\ndomain = "*"\nnext_hop = ["smtp://127.0.0.1:${first?.port}", "smtp://127.0.0.1:${second?.port}"]\n`,
    });
    try {
      await acquaint(relay);
      expect(await offersDsn(relay.port)).toBe(false);
      await second?.until(() => second.commands.flat().includes("QUIT"), 8000);
      expect(second?.commands).toEqual([["EHLO mx.kontor.example", "QUIT"]]);
      expect(await offersDsn(relay.port)).toBe(true);
      // A reload forgets nothing.
      relay.reload(relay.config);
      expect(await offersDsn(relay.port)).toBe(true);
    } finally {
      await relay.stop();
      await Promise.all(hops.map((hop) => hop.close()));
    }
  });

  it("names the recipient that the client knows where the hop gets another one", async () => {
    const { relay, hop } = await scene(
      offering,
      '[checks]\nrun = ["aliases"]\n[checks.aliases]\nfile = "{folder}/aliases"\n',
      {
        files: {
          aliases:
            "team@kontor.example: anna@kontor.example, bert@kontor.example\nanna@kontor.example: anna@kontor.example\n",
        },
      },
    );
    await acquaint(relay);
    const client = await hello(relay);
    await client.command("MAIL FROM:<s@sender.example>");
    expect(await client.command("RCPT TO:<Team@kontor.example> NOTIFY=FAILURE")).toMatch(/^250/);
    await client.command("DATA");
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
    const words = "NOTIFY=FAILURE ORCPT=rfc822;Team@kontor.example";
    expect(hop.received.at(-1)?.rcptParameters).toEqual([words, words]);
    client.close();
  });
});

describe("parameters of DSN", () => {
  const tolerance = { lenient: false, utf8: false, offered: { dsn: true, smtputf8: false } };
  const code = (read: object): unknown => ("code" in read ? read.code : "dsn" in read ? read.dsn : "");

  it.each([
    ["RET=FULL", " RET=FULL"],
    ["ret=Hdrs ENVID=a+20b", " RET=Hdrs ENVID=a+20b"],
    [`ENVID=${"x".repeat(100)}`, ` ENVID=${"x".repeat(100)}`],
    [`ENVID=${"x".repeat(101)}`, 501],
    ["ENVID=", 501],
    ["ENVID=a=b", 501],
    ["ENVID=a+0D+0ABcc:+20x", 501],
    ["ENVID=a+7F", 501],
    ["ENVID=a+C3+BC", 501],
    ["ENVID=a+2b", 501],
    ["RET=BOTH", 501],
    ["RET", 501],
    ["RET=FULL RET=FULL", 501],
    ["RET=FULL ENVID=x ret=HDRS", 501],
    ["NOTIFY=NEVER", 555],
    ["RETURN=FULL", 555],
  ])("MAIL %s: %s", (parameters, expected) => {
    expect(code(parseMail(`FROM:<a@b.example> ${parameters}`, false, tolerance))).toBe(expected);
  });

  it.each([
    ["NOTIFY=NEVER", " NOTIFY=NEVER"],
    ["NOTIFY=DELAY,failure,SUCCESS", " NOTIFY=DELAY,failure,SUCCESS"],
    ["NOTIFY=NEVER,SUCCESS", 501],
    ["NOTIFY=SUCCESS,NEVER", 501],
    ["NOTIFY=SUCCESS,,DELAY", 501],
    ["NOTIFY=SUCCESS,SUCCESS,SUCCESS,SUCCESS", 501],
    ["NOTIFY=", 501],
    ["NOTIFY", 501],
    ["ORCPT=rfc822;a@b.example", " ORCPT=rfc822;a@b.example"],
    ["ORCPT=x-Notes;Anna+20Berg/Kontor", " ORCPT=x-Notes;Anna+20Berg/Kontor"],
    ["ORCPT=utf-8;j\\x{FC}rgen@b.example", " ORCPT=utf-8;j\\x{FC}rgen@b.example"],
    [`ORCPT=rfc822;${"x".repeat(493)}`, ` ORCPT=rfc822;${"x".repeat(493)}`],
    [`ORCPT=rfc822;${"x".repeat(494)}`, 501],
    ["ORCPT=rfc822;", 501],
    ["ORCPT=;a@b.example", 501],
    ["ORCPT=a@b.example", 501],
    ["ORCPT=rfc 822;a@b.example", 501],
    ["ORCPT=rfc822;a@b.example;c", " ORCPT=rfc822;a@b.example;c"],
    ["ORCPT=rfc822;a+0A+0DRCPT+20TO", 501],
    ["ORCPT=rfc822;a+4", 501],
    ["NOTIFY=NEVER NOTIFY=NEVER", 501],
    ["RET=FULL", 555],
    ["SIZE=1", 555],
    ["XYZZY", 555],
  ])("RCPT %s: %s", (parameters, expected) => {
    expect(code(parseRcpt(`TO:<a@b.example> ${parameters}`, tolerance))).toBe(expected);
  });

  it("end at the first that is wrong, however many there are", () => {
    const began = performance.now();
    const many = Array.from({ length: 3000 }, (_, i) => `X${i}=1`).join(" ");
    expect(code(parseRcpt(`TO:<a@b.example> NOTIFY=NEVER ${many}`, tolerance))).toBe(555);
    expect(code(parseMail(`FROM:<a@b.example> RET=FULL ${many}`, false, tolerance))).toBe(555);
    expect(code(parseRcpt(`TO:<a@b.example> ORCPT=rfc822;${"+2".repeat(5000)}`, tolerance))).toBe(501);
    expect(code(parseRcpt(`TO:<a@b.example> NOTIFY=${"DELAY,".repeat(2000)}`, tolerance))).toBe(501);
    expect(performance.now() - began).toBeLessThan(250);
  });
});
