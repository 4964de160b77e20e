/** SMTPUTF8: who is offered it, which addresses it lets in, and what the next hop gets. RFC 6531. */
import { afterEach, describe, expect, it } from "vitest";

import { parseMail, parseRcpt } from "../../src/smtp/session/command.ts";
import type { NextHopScript } from "../fakes/next-hop.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";

afterEach(closeScenes);

const usual = ["PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES"];
const offering: NextHopScript = { keywords: [...usual, "SMTPUTF8"] };
/** UTF-8 as octets. */
const octets = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const own = `[smtp]
listen = ["127.0.0.1:0"]
hostname = "mx.kontor.example"
greeting_delay = "0ms"
[domains]
relay = ["kontor.example", "xn--bcher-kva.example"]
`;
const snapshot = [
  "jürgen@kontor.example",
  "anna@xn--bcher-kva.example",
  "μαρία@kontor.example",
  "straße@kontor.example",
  "a@kontor.example",
  "info",
];

async function offers(port: number): Promise<boolean> {
  const client = await SmtpClient.open(port);
  await client.reply();
  const said = await client.command("EHLO client.example");
  client.close();
  return /^250[- ]SMTPUTF8\r?$/m.test(said ?? "");
}

async function acquaint(relay: TestRelay): Promise<void> {
  const client = await hello(relay);
  expect((await send(client)).at(-1)).toMatch(/^250/);
  client.close();
}

/** The codes of the replies. */
async function say(client: SmtpClient, ...lines: readonly string[]): Promise<string[]> {
  const said: string[] = [];
  for (const line of lines) {
    said.push(((await client.command(octets(line))) ?? "closed").slice(0, 9));
  }
  return said;
}

describe("SMTPUTF8", () => {
  it("is offered when the next hop is known to offer it, and its addresses are looked up folded and sent as they came", async () => {
    const { relay, hop } = await scene(offering, own, { snapshot });
    expect(await offers(relay.port)).toBe(false);
    await acquaint(relay);
    expect(await offers(relay.port)).toBe(true);
    const client = await hello(relay);
    const rcpts = [
      "JÜRGEN@kontor.example",
      "ju\u0308rgen@kontor.example",
      "anna@bücher.example",
      "ANNA@BÜCHER.example",
      "anna@xn--bcher-kva.example",
      "ΜΑΡΊΑ@kontor.example",
      "STRAẞE@kontor.example",
      '"jürgen"@kontor.example',
    ];
    expect(await say(client, "MAIL FROM:<δοκιμή@παράδειγμα.example> BODY=8BITMIME SMTPUTF8")).toEqual(["250 2.1.0"]);
    expect(await say(client, ...rcpts.map((one) => `RCPT TO:<${one}>`))).toEqual(rcpts.map(() => "250 2.1.5"));
    expect(await say(client, "RCPT TO:<jörgen@kontor.example>", "RCPT TO:<jürgen@elsewhere.example>")).toEqual([
      "550 5.1.1",
      "550 5.7.1",
    ]);
    expect(await say(client, "DATA", "Subject: Grüße\r\n\r\nx\r\n.")).toEqual(["354 End d", "250 2.0.0"]);
    client.close();
    const got = hop.received.at(-1);
    expect(got?.parameters).toBe("BODY=8BITMIME SMTPUTF8");
    expect(got?.sender).toBe(octets("δοκιμή@παράδειγμα.example"));
    expect(got?.recipients).toEqual(rcpts.map(octets));
    expect(got?.message.toString()).toMatch(
      /^Received: .*\r\n\tby mx\.kontor\.example \(goodmailto\) with UTF8SMTP id /,
    );
    expect(relay.log).toContain(
      "goodmailto: host: 127.0.0.1 from: \\x{3B4}\\x{3BF}\\x{3BA}\\x{3B9}\\x{3BC}\\x{3AE}@" +
        "\\x{3C0}\\x{3B1}\\x{3C1}\\x{3AC}\\x{3B4}\\x{3B5}\\x{3B9}\\x{3B3}\\x{3BC}\\x{3B1}.example " +
        "to: j\\x{FC}rgen (J\\x{DC}RGEN@kontor.example) status: found",
    );
    // Who does not ask for it has none of it.
    await acquaint(relay);
    expect(hop.received.at(-1)).toMatchObject({ parameters: "" });
    expect(hop.violations).toEqual([]);
  });

  it("is needed for an address beyond ASCII, and lets in nothing but UTF-8", async () => {
    const { relay, hop } = await scene(offering, own, { snapshot });
    await acquaint(relay);
    const client = await hello(relay);
    expect(await say(client, "MAIL FROM:<jürgen@sender.example>")).toEqual(["553 5.6.7"]);
    expect(await say(client, "MAIL FROM:<s@sender.example>", "RCPT TO:<jürgen@kontor.example>", "RSET")).toEqual([
      "250 2.1.0",
      "553 5.6.7",
      "250 2.0.0",
    ]);
    // RFC 6531 asks for the parameter at MAIL, where it counts for all recipients.
    expect(await say(client, "MAIL FROM:<> SMTPUTF8", "RCPT TO:<jürgen@kontor.example> SMTPUTF8")).toEqual([
      "250 2.1.0",
      "555 5.5.4",
    ]);
    const bad = ["J\xfcRGEN", "j\xc3", "j\xed\xa0\x80", "j\xc0\xaf", "j\xf4\x90\x80\x80"];
    for (const user of bad) {
      expect(await client.command(`RCPT TO:<${user}@kontor.example>`), user).toMatch(/^501 5\.1\.3 /);
    }
    const fullwidth = "a\uFF05elsewhere.example";
    expect(await say(client, `RCPT TO:<${fullwidth}@kontor.example>`)).toEqual(["550 5.7.1"]);
    client.close();
    expect(hop.violations).toEqual([]);
  });

  it("is refused where it is not offered", async () => {
    const { relay } = await scene({}, own, { snapshot });
    await acquaint(relay);
    const client = await hello(relay);
    expect(await say(client, "MAIL FROM:<s@sender.example> SMTPUTF8")).toEqual(["555 5.5.4"]);
    expect(await say(client, "MAIL FROM:<jürgen@sender.example> SMTPUTF8")).toEqual(["553 5.6.7"]);
    client.close();
    const off = await scene(offering, own.replace("greeting_delay", 'smtputf8 = "none"\ngreeting_delay'), { snapshot });
    await acquaint(off.relay);
    expect(await offers(off.relay.port)).toBe(false);
    // RFC 6531 3.1: none without 8BITMIME.
    const half = await scene({ keywords: ["SMTPUTF8"] }, own, { snapshot });
    await acquaint(half.relay);
    expect(await offers(half.relay.port)).toBe(false);
  });

  it("is put off for a message whose hop does not offer it after all, and the next client is not offered it", async () => {
    const { relay, hop } = await scene({ ...offering }, own, { snapshot });
    await acquaint(relay);
    const client = await hello(relay);
    hop.script.keywords = usual;
    hop.reset();
    expect(await say(client, "MAIL FROM:<s@sender.example> SMTPUTF8", "RCPT TO:<a@kontor.example>")).toEqual([
      "250 2.1.0",
      "451 4.6.7",
    ]);
    expect(await say(client, "RCPT TO:<jürgen@kontor.example>", "RSET")).toEqual(["451 4.6.7", "250 2.0.0"]);
    // Mail that needs none of it goes on.
    expect((await send(client)).at(-1)).toMatch(/^250/);
    client.close();
    expect(await offers(relay.port)).toBe(false);
    expect(hop.violations).toEqual([]);
    expect(hop.commands.flat().some((line) => line.includes("SMTPUTF8"))).toBe(false);
  });

  it.each([
    ["a hop that offers neither SMTPUTF8 nor 8BITMIME", ["PIPELINING"], ""],
    ["one with 8BITMIME alone", usual, ""],
    ["one with both", offering.keywords ?? [], ""],
    ["one with both, of a client that says BODY=8BITMIME", offering.keywords ?? [], "BODY=8BITMIME"],
  ])("need not be asked for by header fields beyond ASCII, which reach %s as they came", async (_, keywords, said) => {
    const { relay, hop } = await scene({ keywords }, own, { snapshot });
    const client = await hello(relay);
    const text = octets("From: Jürgen <s@sender.example>\r\nSubject: Grüße") + "\r\nX-Old: gr\xfc\xdfe\r\n\r\nx";
    expect(await say(client, `MAIL FROM:<s@sender.example> ${said}`, "RCPT TO:<a@kontor.example>", "DATA")).toEqual([
      "250 2.1.0",
      "250 2.1.5",
      "354 End d",
    ]);
    expect(await client.command(`${text}\r\n.`)).toMatch(/^250 /);
    client.close();
    const [got] = hop.received;
    expect(got?.message.toString("latin1").endsWith(`${text}\r\n`)).toBe(true);
    expect(got?.message.toString("latin1")).toMatch(
      /^Received: .*\r\n\tby mx\.kontor\.example \(goodmailto\) with ESMTP id /,
    );
    expect(got?.parameters).toBe(said);
    expect(hop.violations).toEqual([]);
  });

  it("has recipients of checks, too: one in UTF-8 only with it, a domain in UTF-8 always", async () => {
    const config = `${own}[checks]\nrun = ["aliases"]\n[checks.aliases]\nfile = "{folder}/aliases"\n`;
    const lines = [
      "team@kontor.example: jürgen@kontor.example",
      "shop@kontor.example: anna@bücher.example",
      "a@kontor.example: a@kontor.example",
    ];
    const { relay, hop } = await scene({ keywords: [...usual, "SMTPUTF8", "DSN"] }, config, {
      files: { aliases: `${lines.join("\n")}\n` },
    });
    await acquaint(relay);
    const client = await hello(relay);
    expect(await say(client, "MAIL FROM:<s@sender.example>", "RCPT TO:<team@kontor.example>")).toEqual([
      "250 2.1.0",
      "550 5.6.7",
    ]);
    expect(await say(client, "RCPT TO:<shop@kontor.example>", "RSET")).toEqual(["250 2.1.5", "250 2.0.0"]);
    expect(await say(client, "MAIL FROM:<s@sender.example> SMTPUTF8", "RCPT TO:<team@kontor.example>")).toEqual([
      "250 2.1.0",
      "250 2.1.5",
    ]);
    client.close();
    const sent = hop.commands.flat().filter((line) => line.startsWith("RCPT"));
    expect(sent.slice(1)).toEqual([
      "RCPT TO:<anna@xn--bcher-kva.example> ORCPT=rfc822;shop@kontor.example",
      octets("RCPT TO:<jürgen@kontor.example> ORCPT=rfc822;team@kontor.example"),
    ]);
    expect(hop.violations).toEqual([]);
  });
});

describe("addresses in UTF-8", () => {
  const tolerance = { lenient: false, utf8: false, offered: { dsn: true, smtputf8: true }, isUtf8: true };
  const read = (line: string): unknown => {
    const command = line.startsWith("FROM")
      ? parseMail(octets(line), false, tolerance)
      : parseRcpt(octets(line), tolerance);
    return "code" in command ? command.code : "sender" in command ? command.sender?.raw : command.raw;
  };

  it.each([
    ["FROM:<jürgen@bücher.example> SMTPUTF8", "jürgen@bücher.example"],
    ["FROM:<jürgen@bücher.example> smtputf8 SIZE=1", "jürgen@bücher.example"],
    ["FROM:<a@b.example> SMTPUTF8=1", 501],
    ["FROM:<jürgen@bücher.example> SMTPUTF8=1", 501],
    ["FROM:<a@b.example> SMTPUTF8 SMTPUTF8", 555],
    ['FROM:<"jürgen> SMTPUTF8"@b.example>', 553],
    ["FROM:<jürgen@b.example> ENVID=SMTPUTF8", 553],
    ["FROM:<jürgen@b.example> SMTPUTF8 ENVID=ü", 501],
    [`FROM:<${"ü".repeat(155)}@b.example> SMTPUTF8`, `${"ü".repeat(155)}@b.example`],
    [`FROM:<${"ü".repeat(156)}@b.example> SMTPUTF8`, 501],
    ["TO:<jürgen@bücher.example>", "jürgen@bücher.example"],
    ["TO:<@xn--x.example:jürgen@b.example>", "jürgen@b.example"],
    ['TO:<"jürgen x"@b.example>', '"jürgen x"@b.example'],
    [`TO:<${"ü".repeat(122)}@b.example>`, `${"ü".repeat(122)}@b.example`],
    [`TO:<${"ü".repeat(123)}@b.example>`, 501],
    ["TO:<jürgen@b.example> ORCPT=utf-8;jürgen@b.example", "jürgen@b.example"],
    ["TO:<jürgen@b.example> ORCPT=utf-8;j\u0085rgen@b.example", 501],
    ["TO:<j\u00a0x@b.example>", 501],
    ["TO:<j\u0085x@b.example>", 501],
    ["TO:<j\u2028x@b.example>", 501],
    ["TO:<j\u202ex@b.example>", 501],
    ["TO:<j\u3000x@b.example>", 501],
    ["TO:<j\ufeffx@b.example>", 501],
    ["TO:<j\ufffdx@b.example>", 501],
    ["TO:<j\uffffx@b.example>", 501],
    ['TO:<"j\u2029x"@b.example>', 501],
    ["TO:<jürgen @b.example>", 501],
    ["TO:<a@b\u2028c.example>", 501],
    ["TO:<a@b\u202ec.example>", 501],
    ["TO:<jürgen@b.example>\u00a0NOTIFY=NEVER", "jürgen@b.example"],
  ])("%s: %s", (line, expected) => {
    expect(read(line)).toBe(expected);
  });
});
