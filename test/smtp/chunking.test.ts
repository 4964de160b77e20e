/** `[smtp] chunking`: messages by BDAT, over real sockets. RFC 3030. What a hop gets, what a client is told, what nobody reads as commands. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { eximLog, eximProgram, startEximSender } from "../fakes/exim.ts";
import { notUnpacked } from "../fakes/jail.ts";
import type { Jailed } from "../fakes/jail.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const config = (
  port: number,
): string => `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nchunking = true
max_message_size = "100KB"\n[limits]\nmessage_excess = "50KB"\nsession_commands = 60\nsession_errors = 30\n[log]\nevents = "all"
[clients]\nrules = "rules"\n[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${port}"\ntimeout = "8s"\n`;

let hop: NextHop;
let relay: TestRelay;
beforeAll(async () => {
  hop = await startNextHop({ recipients: { "no@kontor.example": "550 5.1.1 Not here" } });
  relay = await startTestRelay({
    config: config(hop.port),
    files: { rules: '127.0.0.3:allow,RELAYCLIENT=""\n:allow\n' },
  });
});
afterAll(async () => {
  await relay.stop();
  await hop.close();
});
let before = 0;
beforeEach(() => (before = hop.received.length));

/** What the hop got since the test began: the content behind the relay's own Received field. */
function got(): string[] {
  return hop.received
    .slice(before)
    .map(({ message }) => message.toString("latin1").replace(/^Received: .*\r\n(?:[ \t].*\r\n)*/, ""));
}

async function greeted(from = "127.0.0.1"): Promise<SmtpClient> {
  const client = await SmtpClient.open(relay.port, from);
  await client.reply();
  await client.command("EHLO client.example");
  return client;
}

/** A client whose recipient is accepted. */
async function begun(from?: string, recipient = "a@kontor.example"): Promise<SmtpClient> {
  const client = await greeted(from);
  await client.command("MAIL FROM:<s@sender.example>");
  await client.command(`RCPT TO:<${recipient}>`);
  return client;
}

const chunk = (text: string, last = ""): string => `BDAT ${Buffer.byteLength(text, "latin1")}${last}\r\n${text}`;
const last = (text: string): string => chunk(text, " LAST");

/** All replies up to the end of the session, their codes alone. */
async function codes(client: SmtpClient, bytes: string): Promise<string[]> {
  client.write(`${bytes}QUIT\r\n`);
  const replies: string[] = [];
  for (let reply = await client.reply(); reply !== undefined; reply = await client.reply()) {
    replies.push(reply.slice(0, 3));
  }
  client.close();
  return replies;
}

describe("a message by BDAT", () => {
  it("is offered by CHUNKING, and BINARYMIME is not", async () => {
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    const offered = await client.command("EHLO client.example");
    expect(offered).toMatch(/^250[- ]CHUNKING$/m);
    expect(offered).not.toContain("BINARYMIME");
    expect(await client.command("MAIL FROM:<s@sender.example> BODY=BINARYMIME")).toMatch(/^501 /);
    client.close();
  });

  it("comes in one chunk or in many, pipelined, and goes to the hop by DATA with one Received field", async () => {
    const text = "Subject: x\r\n\r\n.\r\n..\r\nbody\r\n.\r\nQUIT\r\n";
    const client = await begun();
    client.write(last(text));
    expect(await client.reply()).toBe("250 2.0.0 Accepted");
    client.write(
      `MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\n${Array.from(text)
        .map((one) => chunk(one))
        .join("")}${last("")}`,
    );
    expect(await client.reply()).toBe("250 2.1.0 Sender OK");
    expect(await client.reply()).toBe("250 2.1.5 Recipient OK");
    for (const _ of text) {
      expect(await client.reply()).toBe("250 2.0.0 Chunk received");
    }
    expect(await client.reply()).toBe("250 2.0.0 Accepted");
    client.close();
    expect(got()).toEqual([text, text]);
    expect(hop.violations).toEqual([]);
    expect(String(hop.received.at(-1)?.message)).toMatch(/^Received: from client\.example .*\r\n.* with ESMTP id /);
    const delivered = relay.log.filter((line) => /event.*stage=message/.test(line) && line.includes("delivered"));
    expect(delivered.length).toBeGreaterThanOrEqual(2);
  });

  it("has its last line ended, and may be empty", async () => {
    expect(await codes(await begun(), last("Subject: x\r\n\r\nno end"))).toEqual(["250", "221"]);
    expect(await codes(await begun(), "BDAT 0 LAST\r\n")).toEqual(["250", "221"]);
    expect(await codes(await begun(), `bdat 14\r\nSubject: x\r\n\r\nbdat 000  last\r\n`)).toEqual([
      "250",
      "250",
      "221",
    ]);
    expect(got()).toEqual(["Subject: x\r\n\r\nno end\r\n", "", "Subject: x\r\n\r\n"]);
  });

  it("may be larger than what the hop takes at once, in chunks of any size", async () => {
    const body = `${"x".repeat(98)}\r\n`.repeat(900);
    const client = await begun();
    const all = `Subject: x\r\n\r\n${body}`;
    const parts = all.match(/[^]{1,2000}/g) ?? [];
    // Large ones do not count for session_commands.
    const replies = await codes(
      client,
      parts.map((part, i) => chunk(part, i === parts.length - 1 ? " LAST" : "")).join(""),
    );
    expect(replies).toEqual([...parts.map(() => "250"), "221"]);
    expect(got()).toEqual([all]);
  });
});

describe("small chunks", () => {
  it("count as commands", async () => {
    const replies = await codes(await begun(), chunk("x").repeat(70));
    expect(replies.slice(-2)).toEqual(["250", "421"]);
    expect(replies.length).toBeLessThan(60);
    expect(got()).toEqual([]);
  });
});

describe("a chunk that is refused", () => {
  /** Whoever took these for commands would deliver a message. */
  const evil = "RSET\r\nMAIL FROM:<evil@sender.example>\r\nRCPT TO:<a@kontor.example>\r\nBDAT 4 LAST\r\nevil";
  afterEach(() => expect(got()).toEqual([]));

  it("is read to its end, and so are those behind it", async () => {
    // Nobody greeted, no sender, no recipient, none accepted.
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    expect(await codes(client, chunk(evil) + last(evil))).toEqual(["503", "503", "221"]);
    expect(await codes(await greeted(), chunk(evil) + last(evil))).toEqual(["503", "503", "221"]);
    const named = await greeted();
    expect(await codes(named, `MAIL FROM:<s@sender.example>\r\n${chunk(evil)}${last(evil)}`)).toEqual([
      "250",
      "503",
      "503",
      "221",
    ]);
    expect(await codes(await begun(undefined, "no@kontor.example"), chunk(evil) + last(evil))).toEqual([
      "554",
      "503",
      "221",
    ]);
  });

  it("ends its transaction: none behind it begins a message", async () => {
    hop.script.answers = { data: "451 4.3.0 Later" };
    expect(await codes(await begun(), chunk(evil) + chunk(evil) + last(evil))).toEqual(["451", "503", "503", "221"]);
    hop.script.answers = {};
    const client = await begun(undefined, "no@kontor.example");
    client.write(last("x"));
    expect(await client.reply()).toBe("554 5.5.1 No valid recipients");
    expect(await client.command("RCPT TO:<a@kontor.example>")).toBe("503 5.5.1 Send MAIL first");
    expect(await client.command("MAIL FROM:<s@sender.example>")).toMatch(/^250/);
    client.close();
  });

  it("without a readable size ends the session: its octets must not be commands", async () => {
    for (const argument of [
      "",
      " x",
      " -1",
      " 1x",
      " 0x10",
      " 5 FIRST",
      " 5 LAST LAST",
      " 5LAST",
      ` ${"9".repeat(21)}`,
      " 1,0",
      " +5",
    ]) {
      expect(await codes(await begun(), `BDAT${argument}\r\n${evil}`), argument).toEqual(["501"]);
    }
    expect(await codes(await begun(), `BDAT 5 LAST\n${evil}`)).toEqual(["501"]);
  });

  it("for its size is read up to message_excess, and cut beyond", async () => {
    const line = `${"x".repeat(98)}\r\n`;
    expect(await codes(await begun(), `${chunk(line.repeat(900))}${chunk(line.repeat(200))}${last(evil)}`)).toEqual([
      "250",
      "552",
      "503",
      "221",
    ]);
    expect(await codes(await begun(), last(line.repeat(1100)))).toEqual(["552", "221"]);
    expect((await codes(await begun(), last(line.repeat(2000)))).at(-1)).toBe("552");
    // Announced, where nothing of it would be read anyway.
    expect(await codes(await greeted(), "BDAT 99999999999999999999 LAST\r\n")).toEqual(["552"]);
    expect(relay.log.join("\n")).toMatch(/limit .*limit="message size"/);
  });
});

describe("between chunks", () => {
  it("RSET forgets the message, and the hop sees no end of it", async () => {
    const partial = hop.partial.length;
    const client = await begun();
    client.write(`${chunk("Subject: one\r\n\r\none")}RSET\r\n${last("two")}`);
    expect(await client.reply()).toBe("250 2.0.0 Chunk received");
    expect(await client.reply()).toBe("250 2.0.0 Flushed");
    expect(await client.reply()).toBe("503 5.5.1 Send MAIL first");
    await hop.until(() => hop.partial.length === partial + 1);
    expect(
      await codes(
        client,
        `MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\n${last("Subject: three\r\n")}`,
      ),
    ).toEqual(["250", "250", "250", "221"]);
    expect(got()).toEqual(["Subject: three\r\n"]);
  });

  it("nothing but chunks, NOOP, RSET and QUIT has a place, DATA least of all", async () => {
    const words = [
      "DATA",
      "MAIL FROM:<t@sender.example>",
      "RCPT TO:<b@kontor.example>",
      "VRFY x",
      "STARTTLS",
      "AUTH PLAIN",
      "XYZ",
    ];
    const client = await begun();
    client.write(chunk("Subject: x\r\n"));
    expect(await client.reply()).toMatch(/^250/);
    for (const word of words) {
      expect(await client.command(word), word).toBe(
        "503 5.5.1 This message comes by BDAT: send its next chunk, or RSET",
      );
    }
    expect(await client.command("NOOP")).toMatch(/^250/);
    client.write(last("\r\nx\r\n"));
    expect(await client.reply()).toBe("250 2.0.0 Accepted");
    client.close();
    expect(got()).toEqual(["Subject: x\r\n\r\nx\r\n"]);
    expect(hop.received.at(-1)?.recipients).toEqual(["a@kontor.example"]);
  });

  it("EHLO begins anew", async () => {
    const client = await begun();
    client.write(`${chunk("x")}EHLO again.example\r\n${last("y")}`);
    await client.reply();
    expect(await client.reply()).toMatch(/CHUNKING/);
    expect(await client.reply()).toBe("503 5.5.1 Send MAIL first");
    client.close();
    expect(got()).toEqual([]);
  });

  it("a client that goes leaves nothing: not between chunks, not within one, not at the end of QUIT", async () => {
    for (const bytes of [
      chunk("Subject: x\r\n"),
      "BDAT 100 LAST\r\nSubject: x\r\n",
      `${chunk("Subject: x\r\n")}QUIT\r\n`,
    ]) {
      for (const how of ["end", "destroy"] as const) {
        const partial = hop.partial.length;
        const client = await begun();
        client.write(bytes);
        await hop.until(() => hop.commands.at(-1)?.at(-1) === "DATA" || hop.partial.length > partial);
        client[how]();
        await hop.until(() => hop.partial.length === partial + 1);
        client.close();
      }
    }
    await delay(50);
    expect(got()).toEqual([]);
    expect(relay.metrics.totals()["session_faults"] ?? 0).toBe(0);
  });
});

describe("a message behind DATA and one by BDAT", () => {
  it("follow each other", async () => {
    const client = await begun();
    const next = "MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\n";
    expect(
      await codes(
        client,
        `${last("Subject: 1\r\n")}${next}DATA\r\nSubject: 2\r\n.\r\n${next}${last("Subject: 3\r\n")}`,
      ),
    ).toEqual(["250", "250", "250", "354", "250", "250", "250", "250", "221"]);
    expect(got()).toEqual(["Subject: 1\r\n", "Subject: 2\r\n", "Subject: 3\r\n"]);
  });
});

describe.skipIf(notUnpacked(eximProgram))("a real Exim", () => {
  let exim: Jailed;
  beforeAll(async () => {
    exim = await startEximSender(relay.port);
  });
  afterAll(() => exim?.close());

  it("sends by BDAT what it has got, and hears what becomes of it", async () => {
    const large = `${"y".repeat(70)}\r\n`.repeat(1000);
    const texts = ["small\r\n.\r\n..dots\r\n", "", large];
    const client = await SmtpClient.open(exim.port);
    await client.reply();
    await client.command("EHLO client.example");
    for (const [i, text] of [...texts, `${large}${large}`].entries()) {
      await client.command("MAIL FROM:<s@sender.example>");
      expect(await client.command("RCPT TO:<a@kontor.example>")).toMatch(/^250/);
      expect(await client.command("DATA")).toMatch(/^354/);
      const content = `Subject: ${i}\r\n\r\n${text}`;
      expect(await client.command(`${content.replaceAll(/^\./gm, "..")}.`)).toMatch(/^250 OK/);
    }
    client.close();
    const log = (): string => readFileSync(join(exim.folder, eximLog), "latin1");
    // " K " stands for CHUNKING.
    await expect
      .poll(() => log().match(/=> a@kontor\.example .* K .*"250 2\.0\.0 Accepted"/g)?.length, { timeout: 15_000 })
      .toBe(3);
    await expect.poll(log, { timeout: 15_000 }).toMatch(/\*\* a@kontor\.example .*552 5\.3\.4 Message too large/);
    const bodies = got().map((text) => [/^Subject: (\d)/m.exec(text)?.[1], text.slice(text.indexOf("\r\n\r\n") + 4)]);
    expect(bodies.toSorted(([a = ""], [b = ""]) => a.localeCompare(b))).toEqual(
      texts.map((text, i) => [String(i), text]),
    );
    expect(hop.violations).toEqual([]);
  });
});

it("without the setting BDAT is an unknown command, and CHUNKING is not offered", async () => {
  relay.reload(config(hop.port).replace("chunking = true", "chunking = false"));
  const client = await SmtpClient.open(relay.port);
  await client.reply();
  expect(await client.command("EHLO client.example")).not.toContain("CHUNKING");
  expect(await client.command("BDAT 0 LAST")).toMatch(/^500 /);
  client.close();
  relay.reload(config(hop.port));
});
