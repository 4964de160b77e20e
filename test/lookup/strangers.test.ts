/** What a stranger may do to a lookup: be slow, silent, endless, many, deaf. Each has an end, and others are answered meanwhile. */
import { once } from "node:events";
import { connect } from "node:net";
import type { NetConnectOpts, Socket } from "node:net";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { packet } from "../../src/milter/packet.ts";
import { lookupProtocols } from "../../src/report/counters.ts";
import type { LookupProtocol } from "../../src/report/counters.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { askerOf } from "./askers.ts";
import type { Asker } from "./askers.ts";
import { lookupSections, netstring, policyQuestion, Wire } from "./scene.ts";

const vera = "vera@kontor.example";
const sender = "someone@partner.example";
const timeout = 500;
const idle = 1500;
const bounds = `timeout = "${timeout}ms"\nidle_timeout = "${idle}ms"\nmax_connections = 5`;
/** Later than the one, sooner than the other. */
const between = idle - 100;

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: lookup\r\n\r\n`;
/** A question about a known recipient; of a milter, one that is answered without more. */
const questions: Readonly<Record<LookupProtocol, string>> = {
  socketmap: netstring(`x ${vera}`),
  policy: policyQuestion({ recipient: vera, sender }),
  tcp: `get ${vera}\n`,
  milter: packet("C", Buffer.from("x\x000\0", "latin1")).toString("latin1"),
  exim: `${vera}\n`,
  qd1: get(`/qd1/deliverable?${vera}`),
  http: get(`/v1/recipient/${vera}`),
};
/** What never becomes one. */
const endless: Readonly<Record<LookupProtocol, string>> = {
  ...{ socketmap: "9", policy: "a=b\n", tcp: "x", milter: "\0", exim: "x" },
  qd1: "X",
  http: "X",
};

const unixSection = (protocol: LookupProtocol): string =>
  `[[lookup]]\nname = "unix-${protocol}"\nprotocol = "${protocol}"\nlisten = ["unix:{folder}/${protocol}"]\n${bounds}\n`;

describe("a stranger at a lookup", () => {
  let relay: TestRelay;
  beforeAll(async () => {
    // A Unix socket has little room for what is not read.
    const unix = `${unixSection("tcp")}\n${unixSection("http")}`;
    const config = `[smtp]\nlisten = []\n${lookupSections(lookupProtocols, bounds)}\n${unix}`;
    relay = await startTestRelay({ config, snapshot: [vera] });
  });
  afterAll(() => relay?.stop());

  const portOf = (protocol: LookupProtocol): number => relay.ports[lookupProtocols.indexOf(protocol)] ?? 0;
  const faults = (why: string): number => relay.metrics.totals()[`lookup_faults{why="${why}"}`] ?? 0;

  async function open(
    protocol: LookupProtocol,
    at: NetConnectOpts = { port: portOf(protocol), host: "127.0.0.1" },
  ): Promise<Socket> {
    const socket = connect(at);
    socket.on("error", () => socket.destroy());
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    return socket;
  }

  /** ms until the server closes; infinite if it does not. */
  function closing(socket: Socket): Promise<number> {
    const begun = performance.now();
    const { promise, resolve } = Promise.withResolvers<number>();
    const late = setTimeout(() => {
      resolve(Number.POSITIVE_INFINITY);
      socket.destroy();
    }, 15_000);
    socket.once("close", () => {
      clearTimeout(late);
      resolve(performance.now() - begun);
    });
    return promise;
  }

  /** Writes on and on until the server closes. */
  async function writeOn(socket: Socket, octets: string): Promise<number> {
    const closed = closing(socket);
    while (!socket.destroyed) {
      const isFull = !socket.write(octets, "latin1");
      await Promise.race([isFull ? once(socket, "drain").catch(() => undefined) : setImmediate(), closed]);
    }
    return closed;
  }

  async function ask(protocol: LookupProtocol): Promise<string> {
    let asker: Asker | undefined;
    try {
      asker = await askerOf(protocol, portOf(protocol));
      return await asker.ask(vera, sender);
    } catch {
      return "closed";
    } finally {
      asker?.close();
    }
  }

  /** The same of every protocol, by its name. */
  async function each<T>(what: (protocol: LookupProtocol) => Promise<T>): Promise<Readonly<Record<string, T>>> {
    return Object.fromEntries(
      await Promise.all(lookupProtocols.map(async (protocol) => [protocol, await what(protocol)] as const)),
    );
  }
  const all = <T>(value: T): Readonly<Record<string, T>> =>
    Object.fromEntries(lookupProtocols.map((protocol) => [protocol, value]));

  it("who writes a question octet by octet is closed after its time", async () => {
    const inTime = await each(async (protocol) => {
      const socket = await open(protocol);
      const octets = questions[protocol];
      let at = 0;
      // It would take longer than it may.
      const writing = setInterval(() => (at < octets.length - 1 ? socket.write(octets.charAt(at++)) : 0), 40);
      onTestFinished(() => clearInterval(writing));
      const took = await closing(socket.resume());
      return took >= timeout - 300 && took < between;
    });
    expect(inTime).toEqual(all(true));
  });

  it("who stops within a question is closed after its time, and who asks nothing later", async () => {
    const before = faults("question or answer not taken in time");
    const inTime = await each(async (protocol) => {
      const [half, silent] = [await open(protocol), await open(protocol)];
      half.resume().write(questions[protocol].slice(0, -1), "latin1");
      const [short, long] = await Promise.all([closing(half), closing(silent.resume())]);
      return [short < between, long > between && long < 3 * idle];
    });
    expect(inTime).toEqual(all([true, true]));
    expect(faults("question or answer not taken in time")).toBe(before + lookupProtocols.length);
  });

  it("who is silent between two questions may be so for the longer time", async () => {
    const inTime = await each(async (protocol) => {
      const socket = await open(protocol);
      socket.resume().write(questions[protocol], "latin1");
      await once(socket, "data");
      const took = await closing(socket);
      return took > between && took < 3 * idle;
    });
    expect(inTime).toEqual(all(true));
  });

  it("who writes without end what is no question is closed", async () => {
    const isClosed = await each(async (protocol) => {
      const took = await writeOn((await open(protocol)).resume(), endless[protocol].repeat(5000));
      return took < between;
    });
    expect(isClosed).toEqual(all(true));
  });

  // The two kinds of connections there are; an answer of tcp is as long as its question.
  it.each(["tcp", "http"] as const)(
    "who asks on and never reads is read no further, and closed (%s)",
    async (protocol) => {
      const socket = await open(protocol, { path: join(relay.folder, protocol) });
      const took = await writeOn(socket.pause(), questions[protocol].repeat(500));
      expect(took).toBeLessThan(Number.POSITIVE_INFINITY);
      expect(await ask(protocol)).toBe("accept");
    },
  );

  it("who asks thousands of questions at once gets all answers, and others theirs meanwhile", async () => {
    const count = 2000;
    const heard = await each(async (protocol) => {
      const socket = await open(protocol);
      let text = "";
      socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
      const ended = once(socket, "end");
      socket.end(questions[protocol].repeat(count), "latin1");
      const other = await ask(protocol);
      await ended;
      const [answer = "?"] = /accept|OK vera|200 vera|DUNNO|known\n|"known"|\r\n241|\x01c/.exec(text) ?? [];
      return [other, text.split(answer).length - 1];
    });
    expect(heard).toEqual(all(["accept", count]));
  });

  it("who opens more connections than there may be is closed at once; what closes makes room", async () => {
    const before = faults("too many connections");
    const heard = await each(async (protocol) => {
      const five = [];
      for (let i = 0; i < 5; i++) {
        five.push(await open(protocol));
      }
      const sixth = await closing((await open(protocol)).resume());
      const refused = await ask(protocol);
      five.forEach((socket) => socket.destroy());
      await expect.poll(() => ask(protocol)).toBe("accept");
      return [sixth < timeout / 2, refused];
    });
    expect(heard).toEqual(all([true, "closed"]));
    expect(faults("too many connections")).toBeGreaterThanOrEqual(before + 2 * lookupProtocols.length);
    expect(relay.metrics.totals()['lookup_connections{result="refused",protocol="exim"}']).toBeGreaterThanOrEqual(2);
    expect(relay.metrics.totals()['lookup_connections{result="accepted",protocol="exim"}']).toBeGreaterThanOrEqual(6);
    for (const protocol of lookupProtocols) {
      expect(relay.log.filter((line) => line.includes(`lookup: too many connections lookup=${protocol}`))).toHaveLength(
        1,
      );
    }
  });

  it("who closes its side is answered what it asked", async () => {
    const heard = await each(async (protocol) => {
      const wire = await Wire.open({ port: portOf(protocol), host: "127.0.0.1" });
      wire.socket.end(questions[protocol], "latin1");
      const said = await wire.rest();
      wire.close();
      return said.length > 4;
    });
    expect(heard).toEqual(all(true));
  });
});
