/** The places of a route are tried one after the other, whatever the first ones do. RFC 5321 5.1. And one that is ourselves. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

import { afterEach, describe, expect, it } from "vitest";

import { createMailExchangers } from "../../src/dns/mail-exchangers.ts";
import { HopPool } from "../../src/couriers/smtp/hop-pool.ts";
import type { Route } from "../../src/couriers/contract/routes.ts";
import { silentLog } from "../../src/report/log.ts";
import { startDns } from "../fakes/dns.ts";
import { resolverOf } from "../dns/resolver-of.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { hello, send } from "./scene.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) {
    await end();
  }
});

async function startHop(script: NextHopScript = {}): Promise<NextHop> {
  const hop = await startNextHop(script);
  ends.push(() => hop.close());
  return hop;
}

async function relayTo(hops: string, more = ""): Promise<TestRelay> {
  const relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = ${hops}\ntimeout = "1s"\n${more}`,
  });
  ends.push(() => relay.stop());
  return relay;
}

/** What the first place does with a connection. */
const failures: Readonly<Record<string, (socket: Socket) => unknown>> = {
  "says 421": (socket) => socket.end("421 4.7.0 Too busy\r\n"),
  "says 554": (socket) => socket.write("554 5.7.1 Not you\r\n"),
  "is silent": () => undefined,
  "closes the connection": (socket) => socket.end(),
  "resets the connection": (socket) => socket.resetAndDestroy(),
  "speaks HTTP": (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
  "refuses EHLO and HELO": (socket) => {
    socket.write("220 first.example\r\n");
    socket.on("data", () => socket.write("550 5.7.1 No\r\n"));
  },
};

/** Fails at an address of its own, on the port of the hop that works. */
async function failAt(host: string, port: number, how: (socket: Socket) => unknown): Promise<() => number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on("error", () => undefined));
    how(socket);
  });
  server.listen(port, host);
  await once(server, "listening");
  ends.push(() => (sockets.forEach((socket) => socket.destroy()), server.close()));
  return () => sockets.length;
}

describe("every address of a next hop's name", () => {
  it.each(Object.keys(failures))("is tried, also after one that %s at the greeting", async (name) => {
    const hop = await startHop();
    const tried = await failAt("127.0.0.7", hop.port, failures[name] as (socket: Socket) => unknown);
    const addresses = async (host: string): Promise<string[]> =>
      host === "inside.test" ? ["127.0.0.7", "127.0.0.8", "127.0.0.1"] : [];
    const exchangers = createMailExchangers(resolverOf([]));
    const pool = new HopPool("mx.kontor.example", exchangers, silentLog, addresses);
    ends.push(() => pool.close());
    const endpoint = { host: "inside.test", port: hop.port };
    const route: Route = {
      key: "route",
      hops: [{ kind: "host", scheme: "smtp", endpoint }],
      replies: "mirror",
      tls: { mode: "off", ca: undefined },
      timeout: 700,
      dataTimeout: 700,
    };
    const connection = await pool.open(route, "kontor.example");
    expect([connection.endpoint.host, connection.endpoint.name]).toEqual(["127.0.0.1", "inside.test"]);
    connection.quit();
    // The first one rests meanwhile.
    (await pool.open(route, "kontor.example")).quit();
    expect(tried()).toBe(1);
  });

  it.each(Object.keys(failures))("of mail exchangers is tried after one that %s", async (name) => {
    const hop = await startHop();
    await failAt("127.0.0.7", hop.port, failures[name] as (socket: Socket) => unknown);
    const dns = await startDns();
    ends.push(() => dns.close());
    dns.add("kontor.example", "MX", "10 mx.far.example");
    dns.add("mx.far.example", "A", "127.0.0.7");
    dns.add("mx.far.example", "A", "127.0.0.1");
    const pool = new HopPool("mx.kontor.example", createMailExchangers(resolverOf([dns.server]), hop.port), silentLog);
    ends.push(() => pool.close());
    const route: Route = {
      key: "mx",
      hops: [{ kind: "mx", scheme: "mx" }],
      replies: "mirror",
      tls: { mode: "off", ca: undefined },
      timeout: 700,
      dataTimeout: 700,
    };
    const connection = await pool.open(route, "kontor.example");
    expect(connection.endpoint.host).toBe("127.0.0.1");
    connection.quit();
  });

  it("is found as the machine finds names", async () => {
    const hop = await startHop();
    const relay = await relayTo(`"smtp://localhost:${hop.port}"`);
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    client.close();
  });

  it("that cannot be found is told in the log", async () => {
    const relay = await relayTo('"smtp://no-such-host.invalid"');
    const client = await hello(relay);
    expect((await send(client))[0]).toBe("451 4.4.1 Next hop is not available, try again later");
    expect(relay.log.join("\n")).toContain('Cannot find the address of \\"no-such-host.invalid\\"');
    client.close();
  });
});

describe("a list of next hops", () => {
  it("is tried in order: the second one serves while the first one fails", async () => {
    const first = await startHop();
    const second = await startHop();
    const relay = await relayTo(`["smtp://127.0.0.1:${first.port}", "smtp://127.0.0.1:${second.port}"]`);
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect([first.received.length, second.received.length]).toEqual([1, 0]);
    await first.listen(false);
    first.reset();
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect([first.received.length, second.received.length]).toEqual([1, 1]);
    client.close();
  });

  it("may begin with mx and end with a host that takes what is left", async () => {
    const dns = await startDns();
    ends.push(() => dns.close());
    dns.behave("*", { rcode: "SERVFAIL" });
    const last = await startHop();
    const relay = await relayTo(`["mx", "smtp://127.0.0.1:${last.port}"]`, `[dns]\nservers = ["${dns.server}"]\n`);
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    client.close();
  });
});

describe("a next hop that refuses MAIL on a kept connection", () => {
  it.each(["451 4.7.0 Too many messages in this session", "550 5.7.0 Too many messages", "421 4.7.0 Enough"])(
    "with %s is asked once more on a fresh one",
    async (said) => {
      const hop = await startHop({ answers: { mail: ({ transaction }) => (transaction > 1 ? said : undefined) } });
      const relay = await relayTo(`"smtp://127.0.0.1:${hop.port}"`);
      const client = await hello(relay);
      for (let i = 0; i < 3; i++) {
        expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
      }
      expect(hop.received.map(({ connection }) => connection)).toEqual([1, 2, 3]);
      client.close();
    },
  );

  it("and on the fresh one is asked no third time: its refusal is ours", async () => {
    const hop = await startHop({
      answers: { mail: ({ line }) => (line.includes("s@sender") ? "550 5.1.8 Not this sender" : undefined) },
    });
    const relay = await relayTo(`"smtp://127.0.0.1:${hop.port}"`);
    const client = await hello(relay);
    await client.command("MAIL FROM:<good@sender.example>");
    await client.command("RCPT TO:<a@kontor.example>");
    await client.command("RSET");
    await hop.until(() => hop.commands[0]?.includes("RSET") === true);
    expect((await send(client))[0]).toBe("550 5.1.8 Not this sender");
    expect(hop.commands.flat().filter((line) => line.includes("s@sender"))).toHaveLength(2);
    client.close();
  });

  it("and can have no fresh one: the refusal of the kept one is ours", async () => {
    const hop = await startHop({
      answers: { mail: ({ transaction }) => (transaction > 1 ? "550 5.1.8 Not this sender" : undefined) },
      refuseAfter: 1,
    });
    const relay = await relayTo(`"smtp://127.0.0.1:${hop.port}"`);
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect((await send(client))[0]).toBe("550 5.1.8 Not this sender");
    client.close();
  });
});

describe("a next hop that is ourselves", () => {
  it.each([
    ["greets", { greeting: "220 MX.kontor.example. ESMTP" }],
    ["answers EHLO", { ehlo: "250-mx.kontor.example Hello\n250 SIZE" }],
    ["answers HELO", { ehlo: "502 What", helo: "250 mx.kontor.example" }],
  ] satisfies readonly (readonly [string, NextHopScript["answers"]])[])(
    "since it %s with our name is one clear line, and 451",
    async (does, answers) => {
      const hop = await startHop({ answers });
      const relay = await relayTo(`"smtp://127.0.0.1:${hop.port}"`);
      for (let i = 0; i < 3; i++) {
        const client = await hello(relay);
        expect((await send(client))[0]).toMatch(/^451 4\.4\.[16] /);
        client.close();
      }
      const told = relay.log.filter((line) => line.includes("rest_ms"));
      expect(told).toHaveLength(1);
      expect(told[0]).toContain(`is this relay itself: it ${does} with the relay's own name`);
      expect(hop.connections).toBe(1);
    },
  );

  it("in truth: no nested sessions", async () => {
    // A port that is free and known before the relay begins.
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, "close");
    const relay = await startTestRelay({
      config: `[smtp]\nlisten = ["127.0.0.1:${port}"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\n
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.2:${port}"\n`,
    });
    ends.push(() => relay.stop());
    // As a port forwarding of a firewall does it.
    const forwarded: Socket[] = [];
    const forward = createServer((socket) => {
      forwarded.push(socket);
      const inner = connect(port, "127.0.0.1");
      socket.pipe(inner).pipe(socket);
      socket.on("error", () => inner.destroy());
      inner.on("error", () => socket.destroy());
    }).listen(port, "127.0.0.2");
    await once(forward, "listening");
    ends.push(() => (forwarded.forEach((socket) => socket.destroy()), forward.close()));
    const client = await hello(relay);
    expect((await send(client))[0]).toBe("451 4.4.6 Mail to this domain would loop, try again later");
    expect(forwarded).toHaveLength(1);
    client.close();
  });

  it("among mail exchangers ends the search: those behind it would send it back", async () => {
    const hop = await startHop();
    await failAt("127.0.0.7", hop.port, (socket) => socket.write("220 mx.kontor.example ESMTP\r\n"));
    const dns = await startDns();
    ends.push(() => dns.close());
    dns.add("kontor.example", "MX", "10 mx.far.example");
    dns.add("kontor.example", "MX", "20 backup.far.example");
    dns.add("mx.far.example", "A", "127.0.0.7");
    dns.add("backup.far.example", "A", "127.0.0.1");
    const pool = new HopPool("mx.kontor.example", createMailExchangers(resolverOf([dns.server]), hop.port), silentLog);
    ends.push(() => pool.close());
    const route: Route = {
      key: "mx",
      hops: [{ kind: "mx", scheme: "mx" }],
      replies: "mirror",
      tls: { mode: "off", ca: undefined },
      timeout: 700,
      dataTimeout: 700,
    };
    await expect(pool.open(route, "kontor.example")).rejects.toThrow("is this relay itself");
    expect(hop.connections).toBe(0);
  });

  it("is none that has the name of every machine", async () => {
    const hop = await startHop({ answers: { greeting: "220 localhost ESMTP" } });
    const relay = await startTestRelay({
      config: `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "localhost"\ngreeting_delay = "0ms"\n
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"`,
    });
    ends.push(() => relay.stop());
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    client.close();
  });
});
