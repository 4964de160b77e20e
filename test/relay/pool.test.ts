/** Connections that wait for their next message, and next hops that rest: times, bounds, and who leaves when. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

import { afterEach, describe, expect, it, vi } from "vitest";

import { resolverOf } from "../dns/resolver-of.ts";
import { silentLog } from "../../src/report/log.ts";
import type { HopConnection } from "../../src/couriers/smtp/hop-connection.ts";
import { HopHealth } from "../../src/couriers/smtp/hop-health.ts";
import { HopPool } from "../../src/couriers/smtp/hop-pool.ts";
import { createMailExchangers } from "../../src/dns/mail-exchangers.ts";
import type { Route } from "../../src/couriers/contract/routes.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript } from "../fakes/next-hop.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(ends.splice(0).map((end) => end()));
});

const domain = "kontor.example";
const restTime = 5000;
const idleTime = 10_000;
const maxIdle = 100;
const maxUses = 500;

interface Bench {
  readonly hop: NextHop;
  readonly pool: HopPool;
  readonly route: Route;
  open(): Promise<HopConnection>;
}

function routeTo(port: number, key = "route"): Route {
  return {
    key,
    hops: [{ kind: "host", scheme: "smtp", endpoint: { host: "127.0.0.1", port } }],
    replies: "mirror",
    tls: { mode: "off", ca: undefined },
    timeout: 8000,
    dataTimeout: 8000,
  };
}

async function bench(script: NextHopScript = {}): Promise<Bench> {
  const hop = await startNextHop(script);
  const pool = new HopPool("mx.kontor.example", createMailExchangers(resolverOf([])), silentLog);
  ends.push(
    () => pool.close(),
    () => hop.close(),
  );
  const route = routeTo(hop.port);
  return { hop, pool, route, open: () => pool.open(route, domain) };
}

/** Timers stand still; sockets do not. */
function stopTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
}

describe("a connection that waits for its next message", () => {
  it("leaves at once when the hop closes it, in whatever way, and takes no other's place", async () => {
    for (const how of ["reset", "says goodbye"] as const) {
      const { hop, pool, route, open } = await bench({
        answers: { noop: { bytes: "250 ok\r\n421 4.4.2 Idle for too long\r\n" } },
      });
      const kept: HopConnection[] = [];
      for (let i = 0; i < maxIdle; i++) {
        kept.push(await open());
      }
      kept.forEach((connection) => pool.release(route, connection));
      if (how === "reset") {
        hop.reset();
      } else {
        // Its second word comes while nobody asks.
        await Promise.allSettled(kept.map((connection) => connection.command("NOOP", 8000)));
      }
      await expect.poll(() => kept.some(({ alive }) => alive), { timeout: 8000 }).toBe(false);
      const another = await open();
      pool.release(route, another);
      expect(another.alive, how).toBe(true);
      expect(pool.reuse(route), how).toBe(another);
      expect(pool.reuse(route), how).toBeUndefined();
      another.quit();
    }
  });

  it("is one of a hundred at most: who comes then is told goodbye", async () => {
    const { hop, pool, route, open } = await bench();
    const all: HopConnection[] = [];
    for (let i = 0; i <= maxIdle; i++) {
      all.push(await open());
    }
    all.forEach((connection) => pool.release(route, connection));
    expect(all.map(({ alive }) => alive)).toEqual([...Array.from({ length: maxIdle }, () => true), false]);
    await hop.until(() => hop.open === maxIdle && hop.commands.at(-1)?.includes("QUIT") === true);
  });

  it("is told goodbye after its last message, and after ten seconds", async () => {
    const { hop, pool, route, open } = await bench();
    const used = await open();
    used.used = maxUses - 1;
    pool.release(route, used);
    expect(pool.reuse(route)).toBe(used);
    used.used = maxUses;
    pool.release(route, used);
    expect(pool.reuse(route)).toBeUndefined();
    stopTimers();
    const idle = await open();
    pool.release(route, idle);
    vi.advanceTimersByTime(idleTime - 1);
    expect(idle.alive).toBe(true);
    vi.advanceTimersByTime(1);
    expect([idle.alive, pool.reuse(route)]).toEqual([false, undefined]);
    vi.useRealTimers();
    await hop.until(() => hop.open === 0);
    expect(hop.commands.map((lines) => lines.at(-1))).toEqual(["QUIT", "QUIT"]);
  });

  it.each([
    ["MAILMAX=2", 2],
    ["RCPTMAX=20 mailmax=3", 3],
    ["MAILMAX=1000000", maxUses],
    ["MAILMAX=0", maxUses],
    ["XMAILMAX=2", maxUses],
    ["", maxUses],
  ])("takes as many messages as the hop says: LIMITS %s", async (limits, uses) => {
    const { pool, route, open } = await bench();
    const connection = await open();
    connection.features.set("LIMITS", limits);
    connection.used = uses - 1;
    pool.release(route, connection);
    expect(pool.reuse(route)).toBe(connection);
    connection.used = uses;
    pool.release(route, connection);
    expect(pool.reuse(route)).toBeUndefined();
  });

  it("is not closed under its next message by the clock that ran while it waited", async () => {
    const { hop, pool, route, open } = await bench();
    stopTimers();
    const connection = await open();
    pool.release(route, connection);
    expect(pool.reuse(route)).toBe(connection);
    vi.advanceTimersByTime(10 * idleTime);
    expect(connection.alive).toBe(true);
    vi.useRealTimers();
    expect((await connection.command("NOOP", 8000)).reply.code).toBe(250);
    expect(hop.commands).toEqual([["EHLO mx.kontor.example", "NOOP"]]);
    connection.quit();
  });

  it("is the one that was used last", async () => {
    const { pool, route, open } = await bench();
    const [one, other] = [await open(), await open()];
    pool.release(route, one);
    pool.release(route, other);
    expect([pool.reuse(route), pool.reuse(route), pool.reuse(route)]).toEqual([other, one, undefined]);
    one.quit();
    other.quit();
  });

  it("is closed with the pool, and who comes back later too", async () => {
    const { hop, pool, route, open } = await bench();
    const [waiting, busy] = [await open(), await open()];
    pool.release(route, waiting);
    pool.close();
    expect([waiting.alive, busy.alive]).toEqual([false, true]);
    pool.release(route, busy);
    expect([busy.alive, pool.reuse(route)]).toEqual([false, undefined]);
    await hop.until(() => hop.open === 0);
    expect(hop.commands.map((lines) => lines.at(-1))).toEqual(["QUIT", "QUIT"]);
  });

  it("stays when a further one to the same hop is refused", async () => {
    const { hop, pool, route, open } = await bench();
    const own = await open();
    pool.release(route, own);
    hop.script.answers = { greeting: "554 5.7.1 No more" };
    await expect(open()).rejects.toThrow("greeting 554");
    expect(pool.reuse(route)).toBe(own);
    own.quit();
  });

  it("is cut two seconds after its goodbye where the hop never closes its side", async () => {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on("data", (chunk: Buffer) => chunk.toString().startsWith("EHLO") && socket.write("250 hop\r\n"));
      socket.on("error", () => undefined);
      socket.write("220 hop\r\n");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ends.push(() => (sockets.forEach((socket) => socket.destroy()), server.close()));
    const { pool } = await bench();
    stopTimers();
    const connection = await pool.open(routeTo((server.address() as AddressInfo).port), domain);
    const ended = once(sockets[0] as Socket, "end");
    connection.quit();
    await ended;
    // Only a socket that is gone answers our bytes with a reset.
    vi.advanceTimersByTime(2000);
    vi.useRealTimers();
    const socket = sockets[0] as Socket;
    const writing = setInterval(() => socket.write("221 and so on\r\n"), 10);
    ends.push(() => clearInterval(writing));
    await expect.poll(() => socket.destroyed, { timeout: 8000 }).toBe(true);
  });
});

describe("a next hop that failed", () => {
  it("rests for five seconds; then one tries it, while the others are still told at once", async () => {
    const { hop, open } = await bench();
    vi.useFakeTimers({ toFake: ["performance"] });
    await hop.listen(false);
    await expect(open()).rejects.toThrow("ECONNREFUSED");
    await hop.listen(true);
    vi.advanceTimersByTime(restTime - 1);
    await expect(open()).rejects.toThrow("rests");
    expect(hop.connections).toBe(0);
    vi.advanceTimersByTime(1);
    hop.script.answers = { greeting: { later: 200, reply: "220 hop.example" } };
    const probe = open();
    await expect(open()).rejects.toThrow("rests");
    await expect(open()).rejects.toThrow("rests");
    (await probe).quit();
    // It is back, for all and at once.
    (await open()).quit();
    expect(hop.connections).toBe(2);
  });

  it("rests again where the one that tried it failed", async () => {
    const { hop, open } = await bench({ answers: { greeting: "554 No" } });
    vi.useFakeTimers({ toFake: ["performance"] });
    for (let connections = 1; connections <= 3; connections++) {
      await expect(open()).rejects.toThrow("greeting 554");
      await expect(open()).rejects.toThrow("rests");
      expect(hop.connections).toBe(connections);
      // It would stay for ever; who is not wanted lets go.
      await hop.until(() => hop.open === 0);
      vi.advanceTimersByTime(restTime);
    }
  });

  it("is one of about a thousand that are remembered: then all are tried again", () => {
    const health = new HopHealth();
    health.opened("standing");
    health.failed("first", "No answer");
    for (let i = 0; i < 998; i++) {
      health.failed(`hop ${i}`, "No answer");
    }
    expect(health.resting("first", 1000)).toBe("No answer");
    health.failed("one more", "No answer");
    expect([health.resting("first", 1000), health.resting("one more", 1000)]).toEqual([undefined, "No answer"]);
    // What is known of connections that stand is not forgotten.
    expect(health.failed("standing", "No answer").kind).toBe("full");
  });
});
