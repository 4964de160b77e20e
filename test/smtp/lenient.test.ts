/**
 * Sloppy clients: names and paths that are taken from internal clients, long senders, and lines that end in LF
 * alone.
 */
import { afterEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";

afterEach(closeScenes);

const own = "127.0.0.5";
const rules = { rules: `${own}:allow,RELAYCLIENT=""\n` };
const withRules = '[clients]\nrules = "{folder}/rules"\n';
/** UTF-8 as octets. */
const names = ["HP LaserJet 4200", "B\xc3\xbcro-PC", "my_printer"];
const paths = ["FROM:s@sender.example", "FROM: < s@sender.example >", "FROM:s@sender.example SIZE=10", "FROM:< >"];

async function start(lenient: string, more = withRules): Promise<{ relay: TestRelay; hop: NextHop }> {
  const smtp = `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\n${lenient}\n`;
  return scene({}, smtp + more, { files: rules });
}

/** First digits of the replies to all names and paths. */
async function judge(port: number, address: string): Promise<{ helo: string[]; mail: string[]; rcpt: string }> {
  const client = await SmtpClient.open(port, address);
  await client.reply();
  const code = async (line: string): Promise<string> => ((await client.command(line)) ?? "closed").slice(0, 3);
  const helo: string[] = [];
  for (const name of names) {
    helo.push(await code(`EHLO ${name}`));
  }
  await code("HELO client.example");
  const mail: string[] = [];
  for (const path of paths) {
    mail.push(await code(`MAIL ${path}`));
    await code("RSET");
  }
  await code("MAIL FROM:<>");
  const rcpt = await code("RCPT TO:a@kontor.example");
  client.close();
  return { helo, mail, rcpt };
}

const taken = { helo: ["250", "250", "250"], mail: ["250", "250", "250", "250"], rcpt: "250" };
const refused = { helo: ["501", "501", "250"], mail: ["501", "501", "501", "501"], rcpt: "501" };

describe("sloppy names and paths", () => {
  it("are taken from clients with RELAYCLIENT, and refused from others", async () => {
    const { relay } = await start("");
    expect(await judge(relay.port, own)).toEqual(taken);
    expect(await judge(relay.port, "127.0.0.1")).toEqual(refused);
  });

  it('are taken from everybody with "all", and from nobody with "none"', async () => {
    const { relay } = await start('lenient_helo = "all"');
    expect(await judge(relay.port, "127.0.0.1")).toEqual(taken);
    const none = await start('lenient_helo = "none"');
    expect(await judge(none.relay.port, own)).toEqual(refused);
  });

  it("are taken on a listener with auth", async () => {
    const made = makeSelfSigned(["mx.kontor.example"], { from: new Date(), days: 1 });
    const listener = (name: string, auth: boolean): string =>
      `[[listener]]\nname = "${name}"\nlisten = ["127.0.0.1:0"]\nauth = ${auth}\n`;
    const smtp = '[smtp]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\n';
    const auth = '[auth]\npasswords = "users"\n[tls]\ncert = "cert.pem"\nkey = "key.pem"\n';
    const { relay } = await scene({}, smtp + auth + listener("submission", true) + listener("mx", false), {
      files: { "cert.pem": made.certificate, "key.pem": made.key, users: "" },
    });
    expect(await judge(relay.ports[0] ?? 0, "127.0.0.1")).toEqual(taken);
    expect(await judge(relay.ports[1] ?? 0, "127.0.0.1")).toEqual(refused);
  });

  it("reach the next hop whole, and the trace field harmless", async () => {
    const { relay, hop } = await start("");
    const client = await SmtpClient.open(relay.port, own);
    await client.reply();
    expect(await client.command("EHLO B\xc3\xbcro PC) with ESMTPA (x")).toMatch(/^250/);
    await client.command("MAIL FROM: < s@sender.example > SIZE=9");
    await client.command("RCPT TO: a@kontor.example");
    await client.command("DATA");
    expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
    expect(hop.received[0]).toMatchObject({ sender: "s@sender.example", recipients: ["a@kontor.example"] });
    expect(hop.received[0]?.message.toString()).toMatch(/^Received: from B\?ro\?PC\?\?with\?ESMTPA\?\?x \(unknown /);
    client.close();
  });

  it("are still refused where they are nonsense", async () => {
    const { relay } = await start("");
    const client = await SmtpClient.open(relay.port, own);
    await client.reply();
    for (const name of ["", "a\x01b", "B\xfcro", "x".repeat(256)]) {
      expect([name, await client.command(`EHLO ${name}`)]).toEqual([name, "501 5.5.4 Syntax: EHLO hostname"]);
    }
    await client.command("EHLO x");
    for (const path of [
      "FROM:",

      "FROM:<a@b.example",
      "FROM:a@b.example>",
      "FROM:<a b@c.example>",
    ]) {
      expect([path, await client.command(`MAIL ${path}`)]).toEqual([path, "501 5.1.7 Bad sender address syntax"]);
    }
    client.close();
  });

  it("are read in time that grows with the line alone", async () => {
    const { relay } = await start("");
    const client = await SmtpClient.open(relay.port, own);
    await client.reply();
    await client.command("EHLO x");
    const started = performance.now();
    for (const junk of [" ".repeat(12_000), "<".repeat(12_000), "a ".repeat(6000), '"'.repeat(12_000)]) {
      expect(await client.command(`MAIL FROM:${junk}x`)).toMatch(/^(?:250|501|555)/);
      await client.command("RSET");
    }
    expect(performance.now() - started).toBeLessThan(5000);
    client.close();
  });
});

describe("a sender", () => {
  it("of 255 to 320 octets is taken and passed on whole, and not a longer one", async () => {
    const { relay, hop } = await scene();
    const client = await hello(relay);
    const sender = (length: number): string => {
      const domain = `${"d".repeat(60)}.${"e".repeat(60)}.${"f".repeat(60)}.example`;
      return `${"s".repeat(length - domain.length - 1)}@${domain}`;
    };
    for (const length of [254, 255, 320]) {
      expect(await client.command(`MAIL FROM:<${sender(length)}>`)).toBe("250 2.1.0 Sender OK");
      expect(await client.command("RCPT TO:<a@kontor.example>")).toMatch(/^250/);
      await client.command("DATA");
      expect(await client.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250/);
    }
    expect(hop.received.map((one) => one.sender)).toEqual([254, 255, 320].map(sender));
    expect(await client.command(`MAIL FROM:<${sender(321)}>`)).toBe("501 5.1.7 Bad sender address syntax");
    client.close();
  });
});

describe("lines that end in LF alone", () => {
  const reason = "500 5.5.2 Lines must end in CR LF, not in LF alone";

  it("get their reason from the second on, and reach no next hop", async () => {
    const { relay, hop } = await scene();
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    client.write("EHLO client.example\n");
    expect(await client.reply()).toMatch(/^250/);
    for (const line of [
      "MAIL FROM:<s@sender.example>",
      "RCPT TO:<a@kontor.example>",
      'RCPT TO:<"a HTTP/1.1"@kontor.example>',
      "DATA",
    ]) {
      client.write(`${line}\n`);
      expect(await client.reply()).toBe(reason);
    }
    client.write("QUIT\n");
    expect(await client.reply()).toBe("221 2.0.0 Bye");
    expect(hop.connections).toBe(0);
    expect(relay.log.filter((line) => line.includes("bare line feeds"))).toHaveLength(1);
    client.close();
  });

  it("are told from whole ones in any segmentation, between messages and behind one", async () => {
    const { relay } = await scene();
    for (const size of [1, 3, 1000]) {
      const client = await SmtpClient.open(relay.port);
      await client.reply();
      const text =
        "HELO x\r\nNOOP\nNOOP\r\nNOOP\n\r\nMAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nNOOP\nNOOP\r\n";
      for (let at = 0; at < text.length; at += size) {
        client.write(text.slice(at, at + size));
      }
      const said: string[] = [];
      for (let i = 0; i < 11; i++) {
        said.push((await client.reply()) ?? "closed");
      }
      expect([size, said.map((line) => line.slice(0, 3))]).toEqual([
        size,
        ["250", "250", "250", "500", "500", "250", "250", "354", "250", "500", "250"],
      ]);
      expect(said[3]).toBe(reason);
      client.close();
    }
  });

  it("do not end an authentication as an answer", async () => {
    const { relay } = await scene();
    const client = await hello(relay);
    client.write("NOOP\nNOOP\n");
    expect([await client.reply(), await client.reply()]).toEqual(["250 2.0.0 OK", reason]);
    expect((await send(client)).at(-1)).toMatch(/^250/);
    client.close();
  });
});
