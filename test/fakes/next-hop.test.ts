/** The scripted next hop keeps its word: what it records, how it fails. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import type { Duplex } from "node:stream";

import { afterEach, describe, expect, it } from "vitest";

import { missing } from "./need.ts";
import { startNextHop } from "./next-hop.ts";
import type { NextHop, NextHopScript } from "./next-hop.ts";

const hops: NextHop[] = [];
afterEach(() => Promise.all(hops.splice(0).map((hop) => hop.close())));

async function start(script: NextHopScript = {}): Promise<NextHop> {
  const hop = await startNextHop(script);
  hops.push(hop);
  return hop;
}

/** A client that sends a text and gives all that comes until a pattern, the end, or 2 s. */
class Talk {
  readonly stream: Duplex;
  text = "";
  ended = "";

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on("data", (chunk: Buffer) => (this.text += chunk.toString("latin1")));
    stream.on("error", (fault: NodeJS.ErrnoException) => (this.ended = fault.code ?? "error"));
    stream.on("end", () => (this.ended ||= "fin"));
  }

  async say(text: string, until: RegExp): Promise<string> {
    this.text = "";
    this.stream.write(Buffer.from(text, "latin1"));
    return this.hear(until);
  }

  async hear(until: RegExp): Promise<string> {
    await expect.poll(() => until.test(this.text) || this.ended !== "", { timeout: 2000, interval: 5 }).toBe(true);
    return this.text;
  }
}

async function talk(hop: NextHop, greeting = /^220 .*\r\n/): Promise<Talk> {
  const talking = new Talk(connect(hop.port, hop.host));
  await talking.hear(greeting);
  return talking;
}

const envelope = "MAIL FROM:<a@s.example> SIZE=10\r\nRCPT TO:<b@kontor.example>\r\nDATA\r\n";

describe("the scripted next hop", () => {
  it("records messages to the byte", async () => {
    const hop = await start();
    const client = await talk(hop);
    expect(await client.say("EHLO me.example\r\n", /^250 /m)).toBe(
      "250-hop.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n",
    );
    await client.say(envelope, /354/);
    const raw = "Subject: x\r\n\r\n..dot\r\n.. \r\n\xe4\r\n.\r\n";
    expect(await client.say(raw, /\n/)).toBe("250 2.0.0 Accepted\r\n");
    await client.say("MAIL FROM:<>\r\nRCPT TO:<c@kontor.example>\r\nDATA\r\n", /354/);
    await client.say(".\r\nQUIT\r\n", /221/);
    await hop.until(() => hop.open === 0);
    expect(hop.received).toMatchObject([
      { sender: "a@s.example", parameters: "SIZE=10", recipients: ["b@kontor.example"], answer: "250 2.0.0 Accepted" },
      { sender: "", parameters: "", recipients: ["c@kontor.example"], helo: "me.example", tls: false },
    ]);
    expect(hop.received[0]?.raw.toString("latin1")).toBe(raw);
    expect(hop.received[0]?.message.toString("latin1")).toBe("Subject: x\r\n\r\n.dot\r\n. \r\n\xe4\r\n");
    expect(hop.received[1]?.message).toHaveLength(0);
    expect(hop.violations).toEqual([]);
    expect(hop.commands).toEqual([expect.arrayContaining(["DATA", "QUIT"])]);
    expect(hop.connections).toBe(1);
  });

  it("sees what a client does wrong", async () => {
    const hop = await start({ keywords: [] });
    const client = await talk(hop);
    await client.say("EHLO me.example\r\n", /^250 /m);
    await client.say(envelope, /354/);
    await client.say("bare\nline\r\n.single\r\n.\r\n", /250/);
    await client.say("NOOP\n", /250/);
    expect(hop.violations.join("\n")).toMatch(/pipelined[^]*bare line end in a message[^]*not doubled[^]*in a command/);
  });

  it("answers as told by stage, recipient and moment", async () => {
    const hop = await start({
      recipients: { "b@kontor.example": "550 5.1.1 No\n" },
      answers: { mail: ({ transaction }) => (transaction === 1 ? "451-4.3.0 Not\n451 4.3.0 now" : undefined) },
    });
    const client = await talk(hop);
    await client.say("EHLO me.example\r\n", /^250 /m);
    expect(await client.say("MAIL FROM:<a@s.example>\r\n", /^451 /m)).toBe("451-4.3.0 Not\r\n451 4.3.0 now\r\n");
    await client.say("MAIL FROM:<a@s.example>\r\n", /250/);
    expect(await client.say("RCPT TO:<b@kontor.example>\r\nDATA\r\n", /503/)).toMatch(/^550 .*\r\n[^]*503 /);
    expect(hop.received).toEqual([]);
  });

  it.each([
    [{ drop: "rst" }, /never/, "ECONNRESET"],
    [{ drop: "fin", first: "421 4.3.2 Closing" }, /421[^]*never/, "fin"],
    [{ bytes: "\xff\x00garbage\r\n" }, /\xff\x00garbage\r\n/, ""],
    [{ slowly: "250 ok", pause: 1 }, /250 ok\r\n/, ""],
    [{ later: 5, reply: "250 ok" }, /250 ok\r\n/, ""],
    [{ endless: "250-more" }, /(?:250-more\r\n){1000}/, ""],
    ["999 what", /999 what\r\n/, ""],
  ] as const)("fails at MAIL with %j", async (mail, seen, ended) => {
    const hop = await start({ answers: { mail } });
    const client = await talk(hop);
    await client.say("EHLO me.example\r\n", /^250 /m);
    await client.say("MAIL FROM:<a@s.example>\r\n", seen);
    expect(client.ended).toBe(ended);
    client.stream.destroy();
    await hop.until(() => hop.open === 0);
  });

  it("hangs, breaks off or goes deaf within a message", async () => {
    const hop = await start({
      answers: { greeting: ({ connection }) => (connection === 1 ? { hang: true } : undefined) },
    });
    const hanging = connect(hop.port, hop.host).on("error", () => undefined);
    await hop.until(() => hop.open === 1);
    for (const answer of [{ drop: "rst" }, { deaf: true }, "552 5.3.4 Too big"] as const) {
      hop.script.content = { after: 1000, answer };
      const client = await talk(hop);
      await client.say("EHLO me.example\r\n", /^250 /m);
      await client.say(envelope, /354/);
      client.stream.write("x".repeat(2000));
      const count = hop.partial.length + 1;
      await hop.until(() => hop.partial.length === count);
      if (answer === "552 5.3.4 Too big") {
        await client.hear(/552/);
      }
    }
    expect(hop.received).toEqual([]);
    const gone = new Promise((resolve) => hanging.once("close", resolve));
    hop.reset();
    await gone;
    await hop.until(() => hop.open === 0);
  });

  it("refuses connections after a number of them, and when told", async () => {
    const hop = await start({ refuseAfter: 1 });
    await talk(hop);
    const refused = new Talk(connect(hop.port, hop.host));
    await refused.hear(/never/);
    expect(refused.ended).toBe("ECONNREFUSED");
    delete hop.script.refuseAfter;
    await hop.listen(true);
    await talk(hop);
    expect(hop.connections).toBe(2);
  });

  it.skipIf(missing("openssl"))("speaks TLS, after STARTTLS and from the start", async () => {
    const folder = mkdtempSync(join(tmpdir(), "goodmailto-"));
    try {
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      const name = ["-subj", "/CN=hop.example", "-addext", "subjectAltName=DNS:hop.example"];
      const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509", "-days", "2"];
      execFileSync("openssl", ["req", ...kind, ...name, "-keyout", key, "-out", cert], { stdio: "ignore" });
      const tls = { key: readFileSync(key), cert: readFileSync(cert) };
      const trust = { ca: tls.cert, servername: "hop.example" };
      const hop = await start({ tls });
      const plain = await talk(hop);
      expect(await plain.say("EHLO me.example\r\n", /^250 /m)).toContain("250 STARTTLS\r\n");
      await plain.say("STARTTLS\r\n", /220/);
      plain.stream.removeAllListeners();
      const upgraded = new Talk(connectTls({ socket: plain.stream, ...trust }));
      expect(await upgraded.say("EHLO me.example\r\n", /^250 /m)).not.toContain("STARTTLS");
      await upgraded.say(envelope, /354/);
      await upgraded.say("x\r\n.\r\n", /250/);
      expect(hop.received).toMatchObject([{ tls: true }]);
      const whole = await start({ tls, implicitTls: true });
      const secure = new Talk(connectTls({ port: whole.port, host: whole.host, ...trust }));
      expect(await secure.hear(/\n/)).toBe("220 hop.example ESMTP\r\n");
      expect([hop.violations, whole.violations]).toEqual([[], []]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
