/** The resolver against a real name server on loopback. */
import { createSocket } from "node:dgram";
import { once } from "node:events";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { readName, readResponse, writeQuestion } from "../../src/dns/message.ts";
import { Clock, RecordingLog } from "../checks/fixture.ts";
import { startDns } from "../fakes/dns.ts";
import type { FakeDns } from "../fakes/dns.ts";
import { resolverOf } from "./resolver-of.ts";

describe("resolver", () => {
  let dns: FakeDns;
  const clock = new Clock();

  beforeEach(async () => {
    dns = await startDns();
  });
  afterEach(() => dns.close());

  it("finds records of each type with their TTL", async () => {
    dns.add("a.test", "A", "192.0.2.1", 300);
    dns.add("a.test", "A", "192.0.2.2", 200);
    dns.add("a.test", "AAAA", "2001:db8::1");
    dns.add("a.test", "MX", "20 b.test");
    dns.add("a.test", "MX", "10 C.test");
    dns.add("a.test", "TXT", `v=spf1 \u00e9 ${"x".repeat(300)}`);
    dns.add("1.2.0.192.in-addr.arpa", "PTR", "A.test");
    dns.add("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR", "six.test");
    const resolver = resolverOf([dns.server], {}, undefined, clock.now);
    expect(await resolver.a("A.Test.")).toEqual({ kind: "found", values: ["192.0.2.1", "192.0.2.2"], ttl: 200_000 });
    expect(await resolver.aaaa("a.test")).toEqual({ kind: "found", values: ["2001:db8::1"], ttl: 60_000 });
    expect(await resolver.mx("a.test")).toMatchObject({
      values: [
        { preference: 20, exchange: "b.test" },
        { preference: 10, exchange: "c.test" },
      ],
    });
    expect(await resolver.txt("a.test")).toMatchObject({ values: [`v=spf1 \u00e9 ${"x".repeat(300)}`] });
    expect(await resolver.ptr("192.0.2.1")).toMatchObject({ values: ["a.test"] });
    expect(await resolver.ptr("::ffff:192.0.2.1")).toMatchObject({ values: ["a.test"] });
    expect(await resolver.ptr("2001:DB8::1")).toMatchObject({ values: ["six.test"] });
  });

  it("calls a name absent that does not exist or has no such record, for as long as the zone says", async () => {
    dns.add("a.test", "A", "192.0.2.1");
    dns.behave("a.test", { soa: { ttl: 3600, minimum: 30 } });
    dns.behave("no.test", { soa: { ttl: 20, minimum: 300 } });
    const resolver = resolverOf([dns.server], {}, undefined, clock.now);
    expect(await resolver.mx("a.test")).toEqual({ kind: "absent", ttl: 30_000 });
    expect(await resolver.a("no.test")).toEqual({ kind: "absent", ttl: 20_000, noSuchName: true });
    expect(await resolver.a("none.test")).toEqual({ kind: "absent", ttl: 60_000, noSuchName: true });
  });

  it("knows that an alias exists whose target does not. RFC 6604", async () => {
    dns.add("b.test", "CNAME", "no.test", 300);
    dns.behave("b.test", { rcode: "NXDOMAIN" });
    const resolver = resolverOf([dns.server], {}, undefined, clock.now);
    expect(await resolver.a("b.test")).toEqual({ kind: "absent", ttl: 60_000 });
  });

  it("follows aliases, believes the shortest TTL on the way, and does not run in circles", async () => {
    dns.add("a.test", "CNAME", "b.test", 300);
    dns.add("a.test", "A", "192.0.2.66", 300);
    const resolver = resolverOf([dns.server], {}, undefined, clock.now);
    expect(await resolver.a("a.test")).toMatchObject({ values: ["192.0.2.66"] });
    dns.add("c.test", "CNAME", "c.test", 300);
    expect(await resolver.a("c.test")).toMatchObject({ kind: "absent" });
  });

  it("asks by TCP for what does not fit into UDP", async () => {
    dns.add("a.test", "TXT", "x".repeat(5000));
    dns.behave("b.test", { truncate: true });
    dns.add("b.test", "A", "192.0.2.1");
    const resolver = resolverOf([dns.server]);
    expect(await resolver.txt("a.test")).toMatchObject({ values: ["x".repeat(5000)] });
    expect(await resolver.a("b.test")).toMatchObject({ values: ["192.0.2.1"] });
    expect(dns.asked.map(({ name, over }) => `${name} ${over}`)).toEqual([
      "a.test udp",
      "a.test tcp",
      "b.test udp",
      "b.test tcp",
    ]);
  });

  it("takes an answer that breaks off by TCP for none", async () => {
    dns.add("a.test", "A", "192.0.2.1");
    dns.behave("a.test", { truncate: true, cut: true });
    expect(await resolverOf([dns.server]).a("a.test")).toEqual({ kind: "failed", why: "EOF" });
  });

  it("leaves aside garbage, answers under another id and answers to other questions", async () => {
    dns.add("a.test", "A", "192.0.2.1");
    dns.behave("a.test", { lies: true });
    expect(await resolverOf([dns.server]).a("a.test")).toMatchObject({ values: ["192.0.2.1"] });
  });

  it("asks from a new port with a new id each time", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    const seen: { port: number; id: number }[] = [];
    socket.on("message", (bytes, { port }) => seen.push({ port, id: bytes.readUInt16BE(0) }));
    const resolver = resolverOf([`127.0.0.1:${socket.address().port}`], { timeout: 300 });
    await Promise.all(Array.from({ length: 20 }, async (_, i) => resolver.a(`${i}.test`)));
    socket.close();
    expect(seen.length).toBeGreaterThanOrEqual(20);
    expect(new Set(seen.map(({ port }) => port)).size).toBeGreaterThan(15);
    expect(new Set(seen.map(({ id }) => id)).size).toBeGreaterThan(15);
  });

  it("asks without EDNS where the server does not know it", async () => {
    dns.add("a.test", "A", "192.0.2.1");
    dns.behave("a.test", { withoutEdns: true });
    expect(await resolverOf([dns.server]).a("a.test")).toMatchObject({ values: ["192.0.2.1"] });
    expect(dns.count("a.test")).toBe(2);
  });

  it("asks the next server at once where one refuses or nobody listens, and soon where one is silent", async () => {
    const second = await startDns();
    try {
      second.add("a.test", "A", "192.0.2.1");
      dns.behave("a.test", { rcode: "REFUSED" });
      const started = performance.now();
      const resolver = resolverOf(["127.0.0.1:9", dns.server, second.server], { timeout: 60_000 });
      expect(await resolver.a("a.test")).toMatchObject({ values: ["192.0.2.1"] });
      expect(performance.now() - started).toBeLessThan(5000);
      dns.behave("a.test", { drop: true });
      expect(await resolverOf([dns.server, second.server], { timeout: 2000 }).a("a.test")).toMatchObject({
        values: ["192.0.2.1"],
      });
    } finally {
      await second.close();
    }
  });

  it("takes the late answer of a server while the next one is asked", async () => {
    const silent = await startDns();
    try {
      dns.add("a.test", "A", "192.0.2.1");
      dns.behave("a.test", { delay: 300 });
      silent.behave("*", { drop: true });
      const resolver = resolverOf([dns.server, silent.server], { timeout: 800 });
      expect(await resolver.a("a.test")).toMatchObject({ values: ["192.0.2.1"] });
      expect(silent.count("a.test")).toBe(1);
    } finally {
      await silent.close();
    }
  });

  it("fails at its deadline, whatever the servers do, and says so once a minute", async () => {
    dns.behave("*", { drop: true });
    const log = new RecordingLog();
    const resolver = resolverOf([dns.server], { timeout: 200 }, log, clock.now);
    const started = performance.now();
    const answers = await Promise.all(["a.test", "b.test", "c.test"].map(async (name) => resolver.a(name)));
    expect(answers).toEqual(Array.from({ length: 3 }, () => ({ kind: "failed", why: "ETIMEOUT" })));
    expect(performance.now() - started).toBeLessThan(2000);
    expect(log.lines).toEqual(['dns: no answer {"type":"A","name":"a.test","why":"ETIMEOUT","suppressed":0}']);
  });

  it("lets thousands of questions wait for their turn, each within its own deadline", async () => {
    dns.behave("*", { drop: true });
    const resolver = resolverOf([dns.server], { timeout: 300 });
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 6000 }, async (_, i) => resolver.a(`${i}.test`)));
    expect(performance.now() - started).toBeLessThan(4000);
    expect(answers.every(({ kind }) => kind === "failed")).toBe(true);
    expect(answers.filter((one) => one.kind === "failed" && one.why.startsWith("too many")).length).toBe(800);
    dns.behave("*", {});
    dns.add("a.test", "A", "192.0.2.1");
    expect(await resolver.a("a.test")).toMatchObject({ kind: "found" });
  });

  describe("keeps answers", () => {
    it("for their TTL, gives them at once, and says what is left of it", async () => {
      dns.add("a.test", "A", "192.0.2.1", 60);
      const resolver = resolverOf([dns.server], {}, undefined, clock.now);
      await resolver.a("a.test");
      clock.time += 59_999;
      expect(resolver.a("A.test")).toEqual({ kind: "found", values: ["192.0.2.1"], ttl: 1 });
      clock.time += 1;
      await resolver.a("a.test");
      expect(dns.count("a.test")).toBe(2);
    });

    it("not at all with a TTL of 0, but asks once for all who ask meanwhile", async () => {
      dns.add("a.test", "A", "192.0.2.1", 0);
      const resolver = resolverOf([dns.server]);
      await Promise.all(Array.from({ length: 10 }, async () => resolver.a("a.test")));
      expect(dns.count("a.test")).toBe(1);
      await resolver.a("a.test");
      expect(dns.count("a.test")).toBe(2);
    });

    it("up to a number, and none with 0", async () => {
      dns.add("a.test", "A", "192.0.2.1");
      const none = resolverOf([dns.server], { cacheSize: 0 });
      await none.a("a.test");
      await none.a("a.test");
      expect(dns.count("a.test")).toBe(2);
      const two = resolverOf([dns.server], { cacheSize: 2 });
      for (const name of ["x.test", "y.test", "z.test", "x.test"]) {
        await two.a(name);
      }
      expect(dns.count("x.test")).toBe(2);
    });
  });

  it.each(["", ".", "a..test", `${"x".repeat(64)}.test`, `${"x.".repeat(130)}test`, "a b.test", "\u00e4.test"])(
    "does not ask for %j, which no name in DNS can be",
    async (name) => {
      expect(await resolverOf([dns.server]).a(name)).toMatchObject({ kind: "absent" });
      expect(dns.asked).toEqual([]);
    },
  );

  it("reads the servers of the system where none are named", () => {
    // Whatever they are: it asks them, and does not throw.
    expect(resolverOf([], { timeout: 50 }).a("a.invalid")).toBeInstanceOf(Promise);
  });
});

describe("DNS messages", () => {
  it("never throw, whatever the octets", () => {
    const question = { type: "A", name: "a.test" } as const;
    const header = writeQuestion(7, question, true);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(60), (bytes, at) => {
        const response = Buffer.concat([header, Buffer.from(bytes)]);
        response.writeUInt16BE(0x8180, 2);
        response.writeUInt16BE(bytes.length % 5, 6);
        response.set(bytes.subarray(0, 3), Math.min(at, response.length - 3));
        readResponse(response, 7, question);
        readResponse(Buffer.from(bytes), 7, question);
      }),
      { numRuns: 2000 },
    );
  });

  it("carry every name that can be one", () => {
    const label = fc.stringMatching(/^[a-z0-9_-]{1,63}$/);
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 4 }), (labels) => {
        const name = labels.join(".");
        const known = readName(name);
        fc.pre(known !== undefined);
        const bytes = writeQuestion(1, { type: "A", name: known ?? "" }, false);
        bytes.writeUInt16BE(0x8180, 2);
        expect(readResponse(bytes, 1, { type: "A", name: known ?? "" })).toMatchObject({ kind: "answer" });
      }),
    );
  });
});
