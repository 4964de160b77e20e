/** Clients that get no session: one of them must not take the place of others, nor fill the log. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

import { afterEach, describe, expect, it } from "vitest";

import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

let relay: TestRelay;
afterEach(() => relay.stop());

const smtp = `[smtp]
listen = ["127.0.0.1:0"]
hostname = "mx.kontor.example"
greeting_delay = "0ms"
shutdown_timeout = "1s"
max_connections = 20
max_connections_per_client = 3
`;

describe("a client over its limit that never closes", () => {
  it("leaves room for others, and is one line in the log", async () => {
    relay = await startTestRelay({ config: smtp });
    const flood = await Promise.all(Array.from({ length: 60 }, () => SmtpClient.open(relay.port, "127.0.0.7")));
    // Some are told, the rest are cut off: either way none of them lingers among those of others.
    const answers = await Promise.all(flood.map((client) => client.reply().catch(() => undefined)));
    expect(answers.filter((answer) => answer?.startsWith("220"))).toHaveLength(3);
    const others = await Promise.all(
      ["127.0.0.8", "127.0.0.9", "127.0.0.10"].map((from) => SmtpClient.open(relay.port, from)),
    );
    for (const other of others) {
      expect(await other.reply()).toMatch(/^220 /);
      other.close();
    }
    expect(relay.log.filter((line) => line.includes('limit="connections per client"'))).toHaveLength(1);
    flood.forEach((client) => client.close());
  });
});

/** A client that says something all the time, reads what it is told, and never closes its side. */
class Clinging {
  said = "";
  closed = false;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.7", allowHalfOpen: true });
    this.#socket.on("error", () => undefined).on("close", () => (this.closed = true));
    this.#socket.on("data", (chunk: Buffer) => (this.said += chunk.toString("latin1")));
    this.#timer = setInterval(() => this.#socket.writable && this.#socket.write("x"), 20);
  }

  async connected(): Promise<this> {
    await once(this.#socket, "connect");
    return this;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }
}

describe("a client over its limit that never closes, and sends byte after byte", () => {
  it("holds five descriptors for two seconds at most, time and again", async () => {
    relay = await startTestRelay({ config: smtp });
    const held = await Promise.all([1, 2, 3].map(() => SmtpClient.open(relay.port, "127.0.0.7")));
    for (const client of held) {
      expect(await client.reply()).toMatch(/^220 /);
    }
    for (const round of [1, 2]) {
      const began = performance.now();
      const many = await Promise.all(Array.from({ length: 12 }, () => new Clinging(relay.port).connected()));
      const lingering = (): Clinging[] => many.filter(({ closed }) => !closed);
      // Seven are cut off at once; five are told.
      await expect.poll(() => lingering().length, { timeout: 8000 }).toBe(5);
      expect(performance.now() - began, `round ${round}`).toBeLessThan(1900);
      const told = "421 4.7.0 Too many connections\r\n";
      await expect.poll(() => lingering().map(({ said }) => said), { timeout: 8000 }).toEqual(Array(5).fill(told));
      // Whatever they send, and although they never close.
      await expect.poll(() => lingering().length, { timeout: 8000 }).toBe(0);
      expect(performance.now() - began, `round ${round}`).toBeGreaterThan(1900);
      many.forEach((client) => client.end());
    }
    // Others, and those of its own that have a session, were not touched.
    for (const client of held) {
      expect(await client.command("NOOP")).toMatch(/^250 /);
      client.close();
    }
  });
});

describe("a client that speaks TLS to a port that does not", () => {
  it("is told so at once, though its first record holds no line feed", async () => {
    relay = await startTestRelay({ config: smtp });
    const client = await SmtpClient.open(relay.port);
    expect(await client.reply()).toMatch(/^220 /);
    client.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]));
    expect(await client.reply()).toBe("421 4.7.0 This is SMTP");
    expect(await client.closed()).toBe(true);
    client.close();
  });
});

describe("a client that never closes", () => {
  it("counts until its socket is closed, if it was sent away", async () => {
    relay = await startTestRelay({ config: smtp });
    const held = Array.from({ length: 3 }, () =>
      connect({ port: relay.port, host: "127.0.0.1", localAddress: "127.0.0.7", allowHalfOpen: true }),
    );
    for (const socket of held) {
      await once(socket, "data");
      socket.on("error", () => undefined).write("GET / HTTP/1.0\r\n");
      await once(socket, "end");
    }
    const fourth = await SmtpClient.open(relay.port, "127.0.0.7");
    expect(await fourth.reply()).toBe("421 4.7.0 Too many connections");
    fourth.close();
    held.forEach((socket) => socket.end());
    const knock = async (): Promise<string | undefined> => {
      const client = await SmtpClient.open(relay.port, "127.0.0.7");
      const said = await client.reply();
      client.close();
      return said;
    };
    await expect.poll(knock, { timeout: 8000 }).toMatch(/^220 /);
  });

  it("does not count any more when it has said QUIT", async () => {
    relay = await startTestRelay({ config: smtp });
    for (let i = 0; i < 4; i++) {
      const socket = connect({ port: relay.port, host: "127.0.0.1", localAddress: "127.0.0.8", allowHalfOpen: true });
      const [greeting] = (await once(socket, "data")) as [Buffer];
      expect(greeting.toString()).toMatch(/^220 /);
      socket.on("error", () => undefined).write("QUIT\r\n");
      const [goodbye] = (await once(socket, "data")) as [Buffer];
      expect(goodbye.toString()).toMatch(/^221 /);
      await once(socket, "end");
    }
  });
});
