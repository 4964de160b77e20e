/** What the log says where a client or a next hop is lost: whoever looks for a message at night must find it there. */
import { afterEach, describe, expect, it } from "vitest";

import { makeSelfSigned } from "../../src/auth/self-signed.ts";
import { closeScenes, hello, scene } from "../relay/scene.ts";
import type { SmtpClient } from "../fakes/smtp-client.ts";
import type { TestRelay } from "../fakes/relay.ts";

afterEach(closeScenes);

const smtp = (more: string): string =>
  `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\n${more}\n`;

/** Says the envelope, and DATA. */
async function inData(relay: TestRelay): Promise<SmtpClient> {
  const client = await hello(relay);
  await client.command("MAIL FROM:<s@sender.example>");
  expect(await client.command("RCPT TO:<a@kontor.example>")).toMatch(/^250/);
  expect(await client.command("DATA")).toMatch(/^354/);
  return client;
}

const lines = (relay: TestRelay, words: string | RegExp): string[] =>
  relay.log.filter((line) => (typeof words === "string" ? line.includes(words) : words.test(line)));

describe("the log", () => {
  it("tells which limit of time a session passed", async () => {
    const { relay } = await scene({}, smtp('idle_timeout = "300ms"'));
    const client = await inData(relay);
    expect(await client.reply()).toMatch(/^421 4\.4\.2/);
    expect(lines(relay, /smtp: limit .*limit="idle timeout"/)).toHaveLength(1);
    client.close();
    const { relay: other } = await scene({}, '[limits]\nsession_time = "1s"');
    const busy = await hello(other);
    const timer = setInterval(() => busy.write("NOOP\r\n"), 100);
    expect(await busy.closed()).toBe(true);
    clearInterval(timer);
    expect(lines(other, /smtp: limit .*limit="session time"/)).toHaveLength(1);
  });

  it("tells of a client that ends the connection in a transaction, and of none that says QUIT", async () => {
    const { relay, hop } = await scene();
    const client = await inData(relay);
    client.write("Subject: half\r\n");
    client.end();
    await expect
      .poll(() => lines(relay, /lost connection during transaction .*it ended the connection/).length)
      .toBe(1);
    await hop.until(() => hop.open === 0);
    expect(hop.received).toEqual([]);
    const polite = await hello(relay);
    await polite.command("MAIL FROM:<s@sender.example>");
    expect(await polite.command("QUIT")).toMatch(/^221/);
    polite.end();
    expect(await polite.closed()).toBe(true);
    expect(lines(relay, "lost connection")).toHaveLength(1);
  });

  it("tells once of a client that is lost in its handshake after STARTTLS, however it goes", async () => {
    const made = makeSelfSigned(["mx.kontor.example"], { from: new Date(), days: 1 });
    const files = { "cert.pem": made.certificate, "key.pem": made.key };
    const config = `[tls]\ncert = "cert.pem"\nkey = "key.pem"\n${smtp('idle_timeout = "1s"')}`;
    const { relay } = await scene({}, config, { files });
    for (const way of ["FIN", "garbage", "silence"]) {
      const client = await hello(relay);
      await client.command("MAIL FROM:<s@sender.example>");
      expect(await client.command("RCPT TO:<a@kontor.example>")).toMatch(/^250/);
      expect(await client.command("STARTTLS")).toMatch(/^220/);
      if (way === "FIN") {
        client.end();
      } else if (way === "garbage") {
        client.write("garbage".repeat(9));
      }
      expect(await client.closed(), way).toBe(true);
      const words = /lost connection during transaction|limit="idle timeout"/;
      await expect.poll(() => lines(relay, words).length, { timeout: 8000 }).toBe(1);
      expect(lines(relay, "socket error").length, way).toBeLessThan(2);
      relay.log.length = 0;
      client.close();
    }
  });

  it("quotes the next hop, also where the client is told another code", async () => {
    const script = { "gone@kontor.example": "421 4.3.2 Bye", "odd@kontor.example": "220 odd" };
    for (const [recipient, said] of [
      ["gone", "421"],
      ["odd", "220"],
    ]) {
      const { relay } = await scene({ recipients: script });
      const client = await hello(relay);
      await client.command("MAIL FROM:<s@sender.example>");
      expect(await client.command(`RCPT TO:<${recipient}@kontor.example>`)).toMatch(/^451 /);
      expect(lines(relay, new RegExp(`status: .*, next hop said ${said}$`))).toHaveLength(1);
      client.close();
    }
  });

  it("has sender and recipients of a message whose client went while the next hop answered", async () => {
    const { relay, hop } = await scene({ answers: { dot: { later: 500, reply: "250 2.0.0 Accepted" } } });
    const client = await inData(relay);
    client.write("Subject: x\r\n\r\nx\r\n.\r\n");
    await hop.until(() => hop.received.length === 1);
    client.destroy();
    const delivered = /message: delivered .*from=s@sender\.example recipients=1 .*code=250/;
    await expect.poll(() => lines(relay, delivered).length, { timeout: 8000 }).toBe(1);
  });

  it("tells of a next hop that dies over a message whose client is gone", async () => {
    const { relay, hop } = await scene({ answers: { dot: { hang: true } } });
    const client = await inData(relay);
    client.write("Subject: x\r\n\r\nx\r\n.\r\n");
    await hop.until(() => hop.received.length === 1);
    client.destroy();
    await expect.poll(() => lines(relay, "lost connection during transaction").length, { timeout: 8000 }).toBe(1);
    hop.reset();
    await expect.poll(() => lines(relay, "next-hop: lost").length, { timeout: 8000 }).toBe(1);
    expect(lines(relay, /message: not delivered .*from=s@sender\.example/)).toHaveLength(1);
  });

  it("says nothing of a recipient whose client went before the next hop answered, and which answers were its own", async () => {
    const { relay, hop } = await scene({ recipients: { "slow@kontor.example": { hang: true } } });
    const client = await hello(relay);
    await client.command("MAIL FROM:<s@sender.example>");
    client.write("RCPT TO:<slow@kontor.example>\r\n");
    await hop.until(() => hop.commands.flat().some((line) => line.startsWith("RCPT")));
    client.destroy();
    await hop.until(() => hop.open === 0);
    await expect.poll(() => lines(relay, "lost connection during transaction").length, { timeout: 8000 }).toBe(1);
    expect(lines(relay, "status:")).toEqual([]);
    await hop.listen(false);
    const next = await hello(relay);
    await next.command("MAIL FROM:<s@sender.example>");
    expect(await next.command("RCPT TO:<a@kontor.example>")).toMatch(/^451 4\.4\.1/);
    expect(lines(relay, /status: .*, 451 of our own$/)).toHaveLength(1);
    next.close();
  });
});
