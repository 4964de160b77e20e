/** Weaknesses of the library or of relays like us, each with what it comes to here; the numbers are those of docs/security.md. */
import { afterEach, describe, expect, it } from "vitest";

import { HopDelivery } from "../../src/couriers/smtp/delivery.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";

afterEach(closeScenes);

describe("threats", () => {
  it("row 12: parameters of a refused MAIL are not the next one's, SIZE and BODY are passed on", async () => {
    const { relay, hop } = await scene();
    const client = await hello(relay);
    expect(await client.command("MAIL FROM:<s@sender.example> SIZE=99999999999 BODY=8BITMIME")).toMatch(/^552/);
    await send(client);
    await client.command("MAIL FROM:<s@sender.example> body=8bitmime size=1234");
    await client.command("RCPT TO:<a@kontor.example>");
    await client.command("DATA");
    expect(await client.command("x\r\n.")).toMatch(/^250/);
    expect(hop.received.map(({ parameters }) => parameters)).toEqual(["", "SIZE=1234 BODY=8BITMIME"]);
    client.close();
  });

  it("row 12: nothing is passed on that the next hop does not know", async () => {
    const { relay, hop } = await scene({ keywords: [] });
    const client = await hello(relay);
    await client.command("MAIL FROM:<s@sender.example> SIZE=1234 BODY=8BITMIME");
    await client.command("RCPT TO:<a@kontor.example>");
    await client.command("DATA");
    expect(await client.command("\xe4\xff\r\n.")).toMatch(/^250/);
    expect(hop.received[0]?.parameters).toBe("");
    expect(hop.received[0]?.message.toString("latin1")).toContain("\xe4\xff\r\n");
    client.close();
  });

  it("row 17: half a command at the end of the stream reaches nobody", async () => {
    const { relay, hop } = await scene();
    for (const half of ["RCPT TO:<half@kontor.example>", "RCPT TO:<half@kontor.example>\r", "DATA", "QUIT"]) {
      const client = await hello(relay);
      client.write(`MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\n${half}`);
      client.end();
      expect([await client.reply(), await client.reply(), await client.reply()]).toEqual([
        "250 2.1.0 Sender OK",
        "250 2.1.5 Recipient OK",
        undefined,
      ]);
      client.close();
    }
    expect(hop.commands.flat().filter((line) => /half|DATA/.test(line))).toEqual([]);
    expect(relay.log.filter((line) => line.includes("half"))).toEqual([]);
  });

  it("row 20: a Received field stands in front, and a message that went round a hundred times is refused", async () => {
    const { relay, hop } = await scene();
    const client = await hello(relay);
    const trace = "Received: from x by y; Sat, 21 Nov 2026 11:00:00 +0000\r\n";
    expect((await send(client, undefined, trace.repeat(101))).at(-1)).toBe(
      "554 5.4.6 Too many hops, this message is looping",
    );
    expect((await send(client, undefined, trace.repeat(100))).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.received).toHaveLength(1);
    expect(hop.received[0]?.message.toString("latin1")).toMatch(
      /^Received: from client\.example \(unknown \[127\.0\.0\.1\]\)\r\n\tby mx\.kontor\.example \(goodmailto\) with ESMTP id \w+-\d+\r\n\tfor <a@kontor\.example>;\r\n\t\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\r\nReceived: from x/,
    );
    client.close();
  });

  it("row 22: no line of the log holds more than printable ASCII, whatever was said", async () => {
    const { relay } = await scene({ answers: { mail: "250 \x1b[2J\x07 \x9b" } });
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    for (const line of [
      "EHLO \x1b[31mred",
      "EHLO \xe2\x80\xa8x",
      "EHLO x\x07",
      "EHLO fine",
      "MAIL FROM:<\x1b@sender.example>",
      'MAIL FROM:<"\x07"@sender.example>',
      'MAIL FROM:<"a\\ b = c"@sender.example>',
      "RCPT TO:<\x9b@kontor.example>",
      'RCPT TO:<"x\\"y status: found"@kontor.example>',
      "RCPT TO:<a@kontor.example>",
      "\x1b]0;title\x07",
    ]) {
      client.write(`${line}\r\n`);
      await client.reply();
    }
    client.close();
    await expect.poll(() => relay.log.length, { timeout: 8000 }).toBeGreaterThan(1);
    for (const line of relay.log) {
      expect(line).toMatch(/^[\x20-\x7e]+$/);
    }
  });

  it("row 23: a fault inside is 421 with a fixed text; its own words are the log's", async () => {
    const { relay, hop } = await scene();
    const before = HopDelivery.prototype.recipient;
    try {
      for (const fault of [
        (): Promise<never> => Promise.reject(new Error("secret of /etc/goodmailto")),
        (): never => {
          throw new Error("secret of /etc/goodmailto");
        },
      ]) {
        HopDelivery.prototype.recipient = fault;
        const client = await hello(relay);
        await client.command("MAIL FROM:<>");
        expect(await client.command("RCPT TO:<a@kontor.example>")).toBe("421 4.3.0 Local error");
        expect(await client.reply()).toBeUndefined();
        client.close();
      }
    } finally {
      HopDelivery.prototype.recipient = before;
    }
    const { write } = HopDelivery.prototype;
    try {
      const client = await hello(relay);
      client.write("MAIL FROM:<>\r\nRCPT TO:<a@kontor.example>\r\nDATA\r\n");
      for (const code of ["250", "250", "354"]) {
        expect(await client.reply()).toMatch(code);
      }
      HopDelivery.prototype.write = (): never => {
        throw new Error("secret of /etc/goodmailto");
      };
      expect(await client.command("x\r\n.")).toBe("421 4.3.0 Local error");
      expect(await client.reply()).toBeUndefined();
      client.close();
    } finally {
      HopDelivery.prototype.write = write;
    }
    expect(hop.received).toEqual([]);
    expect(relay.metrics.totals()["session_faults"]).toBe(3);
    expect(relay.log.join("\n")).toContain("secret of /etc/goodmailto");
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    client.close();
  });

  it("row 28: each command has one reply, in order, in any segmentation", async () => {
    const { relay } = await scene({}, "[limits]\nsession_errors = 100");
    const text = [
      "EHLO client.example",
      "NOOP",
      "WIZ",
      "MAIL FROM:<s@sender.example>",
      "MAIL FROM:<s@sender.example>",
      "RCPT TO:<x@foreign.example>",
      "RCPT TO:<a@kontor.example>",
      "RCPT TO:<b@kontor.example>",
      "DATA",
      "Subject: x\r\n\r\n..\r\n.",
      "RSET",
      "HELP",
      "QUIT",
    ].join("\r\n");
    const codes = ["250", "250", "500", "250", "503", "550", "250", "250", "354", "250", "250", "214", "221"];
    for (const size of [1, 2, 3, 7, 1000]) {
      const client = await SmtpClient.open(relay.port);
      expect(await client.reply()).toMatch(/^220/);
      const wire = `${text}\r\n`;
      for (let at = 0; at < wire.length; at += size) {
        client.write(wire.slice(at, at + size));
        if (at % (size * 8) === 0) {
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      const replies: string[] = [];
      for (let reply = await client.reply(); reply !== undefined; reply = await client.reply()) {
        replies.push(reply.slice(0, 3));
      }
      expect(replies, `in pieces of ${size}`).toEqual(codes);
      client.close();
    }
  });

  it("what was said before HELO, or in the wrong order, is refused and forgotten", async () => {
    const { relay, hop } = await scene();
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    expect(await client.command("MAIL FROM:<a@b.example>")).toBe("503 5.5.1 Send HELO or EHLO first");
    expect(await client.command("DATA")).toBe("503 5.5.1 Send HELO or EHLO first");
    await client.command("EHLO x");
    expect(await client.command("DATA")).toBe("503 5.5.1 Send MAIL first");
    await client.command("MAIL FROM:<a@b.example>");
    expect(await client.command("DATA")).toBe("503 5.5.1 Send RCPT first");
    await client.command("RCPT TO:<x@foreign.example>");
    expect(await client.command("DATA")).toBe("554 5.5.1 No valid recipients");
    await client.command("RCPT TO:<a@kontor.example>");
    expect(await client.command("EHLO y")).toMatch(/^250/);
    expect(await client.command("DATA")).toBe("503 5.5.1 Send MAIL first");
    expect(hop.commands.flat()).not.toContain("DATA");
    client.close();
  });

  it("content arrives byte for byte, behind our Received field", async () => {
    const { relay, hop } = await scene();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i).filter((i) => ![0, 10, 13].includes(i)));
    const line = `${bytes.toString("latin1")}\r\n`;
    const text = `Subject: x\r\n\r\n${line.repeat(300)}.\r\n..\r\n${"y".repeat(100_000)}\r\n\r\n.z\r\n`;
    const client = await hello(relay);
    const stuffed = text.replaceAll("\r\n.", "\r\n..").slice(0, -2);
    expect((await send(client, undefined, stuffed)).at(-1)).toBe("250 2.0.0 Accepted");
    const got = hop.received[0]?.message.toString("latin1") ?? "";
    expect(got.slice(got.indexOf("Subject:"))).toBe(text);
    expect(hop.violations).toEqual([]);
    client.close();
  });
});
