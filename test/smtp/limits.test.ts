/** What an untrusted client can make us do has bounds: errors, commands, time, size, connections, memory. */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

import { afterEach, describe, expect, it } from "vitest";

import { accepted } from "../fakes/accepted.ts";
import { closeScenes, hello, scene, send } from "../relay/scene.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

afterEach(closeScenes);

const envelope = "MAIL FROM:<s@sender.example>\r\nRCPT TO:<a@kontor.example>\r\n";

/** `[smtp]` with these lines. */
function smtp(...lines: string[]): string {
  return `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\n${lines.join("\n")}\n`;
}

/** Replies until the server closes. */
async function drain(client: SmtpClient): Promise<string[]> {
  const replies: string[] = [];
  for (let reply = await client.reply(); reply !== undefined; reply = await client.reply()) {
    replies.push(reply);
  }
  client.close();
  return replies;
}

/** One byte at a time until the server closes; what it said. */
async function trickle(client: SmtpClient, bytes: string, pause: number): Promise<string | undefined> {
  let at = 0;
  const timer = setInterval(() => client.write(bytes[at++ % bytes.length] ?? "x"), pause);
  try {
    return await client.reply();
  } finally {
    clearInterval(timer);
    client.close();
  }
}

/** Asks again and again, for 20 s at most. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(holds, { timeout: 20_000 }).toBe(true);
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;
const limitsOf = (relay: TestRelay, limit: string): number => relay.metrics.totals()[`limits{limit="${limit}"}`] ?? 0;

describe("limits of a session", () => {
  it("are said in EHLO as far as RFC 9422 has a word for them", async () => {
    const { relay } = await scene({}, '[smtp]\nlisten = ["127.0.0.1:0"]\nmax_recipients = 7');
    const client = await SmtpClient.open(relay.port);
    await client.reply();
    expect(await client.command("EHLO a.example")).toMatch(/^250[- ]LIMITS RCPTMAX=7$/m);
    client.close();
  });

  it("end it after 20 errors, 4 unknown commands, 100 commands without a purpose, 1500 commands", async () => {
    const { relay } = await scene({}, "[domains]\nrelay = []");
    const cases = [
      ["RCPT TO:<x@foreign.example>\r\n", 20, "421 4.7.0 Too many errors"],
      ["XYZZY\r\n", 4, "421 4.7.0 Too many unknown commands"],
      ["STARTTLS\r\n", 4, "421 4.7.0 Too many unknown commands"],
      ["NOOP\r\n", 101, "421 4.7.0 Too many commands"],
      ["RSET\r\n", 101, "421 4.7.0 Too many commands"],
      ["VRFY x\r\n", 101, "421 4.7.0 Too many commands"],
      ["EHLO again\r\n", 101, "421 4.7.0 Too many commands"],
    ] as const;
    for (const [line, count, last] of cases) {
      const client = await hello(relay);
      client.write("MAIL FROM:<s@sender.example>\r\n");
      await client.reply();
      client.write(line.repeat(2000));
      const replies = await drain(client);
      // The last error is told, then why the session ends.
      expect([replies.length, replies.at(-1)], line).toEqual([last.includes("errors") ? count + 1 : count, last]);
    }
    expect(limitsOf(relay, "errors")).toBe(1);
    expect(limitsOf(relay, "unrecognised")).toBe(2);
    expect(limitsOf(relay, "junk")).toBe(4);
  });

  it("let unknown commands count as errors alone where session_unrecognized is 0, and end a session at 1", async () => {
    const never = await scene({}, "[limits]\nsession_unrecognized = 0");
    const client = await hello(never.relay);
    client.write("XYZZY\r\n".repeat(100));
    const replies = await drain(client);
    expect([replies.length, replies.at(-1)]).toEqual([21, "421 4.7.0 Too many errors"]);
    const once = await scene({}, "[limits]\nsession_unrecognized = 1");
    expect(await (await hello(once.relay)).command("XYZZY")).toBe("421 4.7.0 Too many unknown commands");
  });

  it("count MAIL and RSET in turns, too", async () => {
    const { relay } = await scene();
    const client = await hello(relay);
    client.write("MAIL FROM:<s@sender.example>\r\nRSET\r\n".repeat(2000));
    expect((await drain(client)).length).toBeLessThan(210);
  });

  it("answer 10,000 pipelined recipients with 100 accepted ones, and end the session", async () => {
    const { relay, hop } = await scene();
    const client = await hello(relay);
    const many = Array.from({ length: 10_000 }, (_, i) => `RCPT TO:<user${i % 150}@kontor.example>\r\n`).join("");
    client.write(`MAIL FROM:<s@sender.example>\r\n${many}DATA\r\n`);
    const replies = await drain(client);
    expect(replies.filter((text) => text.startsWith("250 2.1.5"))).toHaveLength(100);
    expect(replies.at(-1)).toBe("421 4.7.0 Too many commands");
    // EHLO, MAIL, and one that is told the end.
    expect(replies).toHaveLength(1500);
    expect(hop.commands.flat().filter((line) => line.startsWith("RCPT"))).toHaveLength(100);
    expect(hop.received).toEqual([]);
  });

  it("do not end a session whose message has more recipients than we take at a time", async () => {
    const { relay, hop } = await scene();
    const client = await hello(relay);
    const list = Array.from({ length: 150 }, (_, i) => `user${i}@kontor.example`);
    const replies = await send(client, list);
    expect(replies.slice(100, 150)).toEqual(Array(50).fill("452 4.5.3 Too many recipients"));
    expect(replies.at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.received[0]?.recipients).toHaveLength(100);
    client.close();
  });
});

describe("sessions", () => {
  it("may have any number of messages with RSET before each", async () => {
    const { relay, hop } = await scene({}, "[limits]\nsession_junk = 5");
    const client = await hello(relay);
    for (let i = 0; i < 12; i++) {
      expect(await client.command("RSET")).toBe("250 2.0.0 Flushed");
      expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    }
    expect(hop.received).toHaveLength(12);
    client.close();
  });
});

describe("time limits", () => {
  it("end slow commands, slow messages and silence, whatever trickles in", async () => {
    const { relay, hop } = await scene({}, smtp('idle_timeout = "300ms"'));
    const slow = await hello(relay);
    const silent = await hello(relay);
    const sending = await hello(relay);
    sending.write(`${envelope}DATA\r\n`);
    await sending.reply();
    await sending.reply();
    await sending.reply();
    const timeout = "421 4.4.2 Timeout";
    expect(await Promise.all([trickle(slow, "NOOP ", 20), silent.reply(), trickle(sending, "x\r\n", 20)])).toEqual([
      timeout,
      timeout,
      timeout,
    ]);
    await hop.until(() => hop.open === 0);
    expect(hop.received).toEqual([]);
    silent.close();
  });

  it("let a message come as slowly as message_rate allows", async () => {
    // Each byte is good for a second: the default, 500, ends what the test before this one sends, and this.
    const { relay, hop } = await scene({}, `[limits]\nmessage_rate = 1\n${smtp('idle_timeout = "300ms"')}`);
    const client = await hello(relay);
    client.write(`${envelope}DATA\r\n`);
    for (const _ of [1, 2, 3]) {
      await client.reply();
    }
    for (let i = 0; i < 50; i++) {
      client.write("x");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    client.write("\r\n.\r\n");
    expect(await client.reply()).toBe("250 2.0.0 Accepted");
    expect(hop.received).toHaveLength(1);
    client.close();
  });

  it("end a session that is busy all the time", async () => {
    const { relay } = await scene(
      {},
      '[limits]\nsession_time = "300ms"\nsession_junk = 10000\nsession_commands = 1000000',
    );
    const client = await hello(relay);
    let reply: string | undefined;
    do {
      reply = await client.command("NOOP");
      await new Promise((resolve) => setTimeout(resolve, 5));
    } while (reply?.startsWith("250"));
    expect(reply).toBe("421 4.4.2 Timeout");
    client.close();
  });

  it("let a trusted client in without a wait", async () => {
    const { relay } = await scene(
      {},
      `[smtp]\nlisten = ["127.0.0.1:0"]\ngreeting_delay = "150ms"\n[clients]\nrules = "rules"`,
      { files: { rules: '127.0.0.2:allow,NOGOODMAILTO=""\n:allow\n' } },
    );
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      const began = performance.now();
      const client = await SmtpClient.open(relay.port, "127.0.0.2");
      expect(await client.reply()).toMatch(/^220/);
      waits.push(performance.now() - began);
      client.close();
    }
    // The library alone waits 100 ms.
    expect(Math.min(...waits)).toBeLessThan(90);
  });
});

describe("size limits", () => {
  it("refuse a message that says its size, or is too large without saying so, and the session goes on", async () => {
    const { relay, hop } = await scene({}, smtp('max_message_size = "10KB"'));
    const client = await hello(relay);
    expect(await client.command("MAIL FROM:<s@sender.example> SIZE=10001")).toBe("552 5.3.4 Message too large");
    const large = await send(client, ["a@kontor.example"], `${"x".repeat(998)}\r\n`.repeat(11));
    expect(large.at(-1)).toBe("552 5.3.4 Message too large");
    await hop.until(() => hop.open === 0);
    expect(hop.received).toEqual([]);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.received).toHaveLength(1);
    client.close();
  });

  it("cut off who goes on beyond message_excess, and nobody before", async () => {
    const { relay, hop } = await scene({}, `[limits]\nmessage_excess = "100KB"\n${smtp('max_message_size = "10KB"')}`);
    const client = await hello(relay);
    const within = await send(client, ["a@kontor.example"], `${"x".repeat(998)}\r\n`.repeat(109));
    expect(within.at(-1)).toBe("552 5.3.4 Message too large");
    expect(limitsOf(relay, "message size")).toBe(0);
    client.write(`${envelope}DATA\r\n`);
    for (const _ of [1, 2, 3]) {
      await client.reply();
    }
    // No end is needed.
    client.write("x".repeat(110_001));
    expect(await client.reply()).toBe("552 5.3.4 Message far too large");
    expect(await client.closed()).toBe(true);
    expect(hop.received).toEqual([]);
    expect(limitsOf(relay, "message size")).toBe(1);
    client.close();
  });

  it("end a session with a line of a megabyte", async () => {
    const { relay } = await scene();
    for (const end of ["", "\r\n"]) {
      const client = await hello(relay);
      client.write(`NOOP ${"x".repeat(1_000_000)}${end}`);
      expect(await client.reply()).toBe("421 4.5.2 Line too long");
      client.close();
    }
    const client = await hello(relay);
    expect(await client.command(`NOOP ${"x".repeat(12_000)}`)).toBe("250 2.0.0 OK");
    expect(await client.command(`MAIL FROM:<${"x".repeat(12_000)}@sender.example>`)).toMatch(/^501 /);
    // Written to make a regular expression try everything.
    expect(await client.command(`MAIL ${':<"'.repeat(4000)}`)).toMatch(/^501 /);
    expect(await client.command(`MAIL FROM:${'<"'.repeat(6000)}`)).toMatch(/^501 /);
    client.close();
  });
});

describe("connections", () => {
  it("are limited for one client and in all, and counted back", async () => {
    const { relay } = await scene({}, smtp("max_connections = 5", "max_connections_per_client = 3"));
    const full = "421 4.7.0 Too many connections";
    for (let round = 0; round < 10; round++) {
      const held: SmtpClient[] = [];
      const knock = async (from: string): Promise<string | undefined> => {
        const client = await SmtpClient.open(relay.port, from);
        held.push(client);
        return client.reply();
      };
      for (const _ of [1, 2, 3]) {
        await expect.poll(() => knock("127.0.0.1"), { timeout: 8000 }).toMatch(/^220/);
      }
      expect(await knock("127.0.0.1")).toBe(full);
      expect(await knock("127.0.0.2")).toMatch(/^220/);
      expect(await knock("127.0.0.3")).toMatch(/^220/);
      expect(await knock("127.0.0.4")).toBe(full);
      for (const [i, client] of held.entries()) {
        if (i % 2 === 0) {
          client.close();
        } else {
          client.destroy();
        }
      }
    }
    expect(limitsOf(relay, "connections per client")).toBeGreaterThanOrEqual(10);
  });

  it("are limited for all listeners together", async () => {
    const more = ["first", "second"]
      .map((name) => `[[listener]]\nname = "${name}"\nlisten = ["127.0.0.1:0"]\n`)
      .join("");
    const { relay } = await scene({}, smtp("max_connections = 3", "max_connections_per_client = 2") + more);
    const [first = 0, second = 0] = relay.ports;
    const held: SmtpClient[] = [];
    const knock = async (port: number, from: string): Promise<string | undefined> => {
      const client = await SmtpClient.open(port, from);
      held.push(client);
      return client.reply();
    };
    expect(await knock(first, "127.0.0.1")).toMatch(/^220/);
    expect(await knock(second, "127.0.0.1")).toMatch(/^220/);
    expect(await knock(second, "127.0.0.1")).toBe("421 4.7.0 Too many connections");
    expect(await knock(second, "127.0.0.2")).toMatch(/^220/);
    expect(await knock(first, "127.0.0.3")).toBe("421 4.7.0 Too many connections");
    held.forEach((client) => client.close());
    await expect.poll(() => knock(first, "127.0.0.3"), { timeout: 8000 }).toMatch(/^220/);
    held.at(-1)?.close();
  });

  it("hold no more than twice their number of descriptors, whatever those that are turned away do", async () => {
    const { relay } = await scene({}, smtp("max_connections = 4"));
    const said: string[] = [];
    // None of them ever closes its side.
    const sockets = Array.from({ length: 40 }, () => {
      const socket = connect({ port: relay.port, host: "127.0.0.1", allowHalfOpen: true });
      socket
        .on("error", () => undefined)
        .on("data", (chunk: Buffer) => said.push(chunk.toString("latin1").slice(0, 3)));
      return socket;
    });
    await expect.poll(() => said.length, { timeout: 8000 }).toBe(8);
    // Those beyond are closed by now, without a word.
    await expect
      .poll(() => sockets.filter((socket) => socket.closed || socket.readableEnded).length, { timeout: 8000 })
      .toBe(36);
    expect(said.toSorted()).toEqual(["220", "220", "220", "220", "421", "421", "421", "421"]);
    expect(limitsOf(relay, "descriptors")).toBe(32);
    for (const socket of sockets) {
      socket.destroy();
    }
  });

  it("leave nothing behind when they are reset at every stage", async () => {
    const { relay, hop } = await scene();
    const text = `EHLO client.example\r\n${envelope}DATA\r\nSubject: x\r\n\r\n..x\r\n.\r\nNOOP\r\nQUIT\r\n`;
    (await hello(relay)).close();
    const before = descriptors();
    for (let length = 0; length <= text.length; length += 1) {
      const client = await SmtpClient.open(relay.port);
      if (length % 3 > 0) {
        await client.reply();
      }
      client.write(text.slice(0, length));
      if (length % 2 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      client.destroy();
    }
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    client.close();
    hop.reset();
    await expect.poll(() => descriptors(), { timeout: 8000 }).toBeLessThanOrEqual(before);
    expect(relay.metrics.totals()["session_faults"] ?? 0).toBe(0);
    const honest = hop.received.filter(({ message }) => !message.toString("latin1").endsWith("\r\nx\r\n"));
    expect(honest.every(({ message }) => message.toString("latin1").endsWith(".x\r\n"))).toBe(true);
  });

  it("survive TLS spoken to the plain port", async () => {
    const { relay } = await scene();
    const socket = connectTls({ host: "127.0.0.1", port: relay.port, rejectUnauthorized: false });
    await once(socket, "error");
    socket.destroy();
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    client.close();
  });

  it("of a client that never reads its replies are read no further, until it does", async () => {
    const { relay } = await scene(
      {},
      // Lines about each of them would take this process, which is the client too, longer than the silence below.
      `[log]\nevents = "off"\n[limits]\nsession_commands = 1000000\n${smtp("max_recipients = 1")}`,
    );
    const { client: socket, socket: server } = await accepted(async () => {
      const opened = connect(relay.port, "127.0.0.1");
      await once(opened, "connect");
      return opened;
    });
    socket.on("error", () => undefined);
    // Refused without an error of the client's, and with twice as many bytes: 18 MB, and the kernel holds 10 MB of
    // them at most.
    const [begin, command, count] = [`EHLO x\r\n${envelope}`, "RCPT TO:<b>\r\n", 600_000];
    const whole = begin.length + count * command.length;
    socket.write(begin + command.repeat(count));
    let before = -1;
    // Not the client's silence, which lasts: the server has read no more in a quarter of a second.
    await until(async () => {
      const { bytesRead } = server;
      const settled = bytesRead === before && bytesRead > 0;
      before = bytesRead;
      await new Promise((resolve) => setTimeout(resolve, 250));
      return settled && server.bytesRead === bytesRead;
    });
    expect(server.bytesRead).toBeLessThan(whole * 0.7);
    // A turn's worth of replies and no more waits in this process.
    expect(server.writableLength).toBeGreaterThan(0);
    expect(server.writableLength).toBeLessThan(200_000);
    const stopped = server.bytesRead;
    const other = await hello(relay);
    expect(await other.command("NOOP")).toBe("250 2.0.0 OK");
    other.close();
    expect(server.bytesRead).toBe(stopped);
    // Now it reads.
    let last = "";
    socket.on("data", (chunk: Buffer) => (last = chunk.toString("latin1")));
    await until(() => server.bytesRead === whole && server.writableLength === 0);
    expect(last).toMatch(/452 4\.5\.3 Too many recipients\r\n$/);
    socket.destroy();
  });
});
