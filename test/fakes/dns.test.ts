/** The tests' name server itself: its message reader against random bytes, its answers against Node's resolver. */
import { once } from "node:events";
import { Resolver } from "node:dns/promises";
import { connect } from "node:net";

import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { readName, readQuery, writeQuery } from "./dns-message.ts";
import { startDns } from "./dns.ts";
import type { FakeDns } from "./dns.ts";

describe("DNS message reader", () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);

  it("reads back every query that it wrote", () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff),
        fc.array(label, { minLength: 1, maxLength: 8 }),
        fc.nat(0xffff),
        (id, labels, type) => {
          const query = readQuery(writeQuery(id, labels.join("."), type));
          expect(query).toMatchObject({ id, name: labels.join("."), type, recursionDesired: true });
        },
      ),
    );
  });

  it("never throws and never loops on random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(700), (bytes, start) => {
        const message = Buffer.from(bytes);
        readQuery(message);
        const name = readName(message, start);
        expect(name === undefined || name.end <= message.length).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes nothing from a query that is cut short anywhere", () => {
    const whole = writeQuery(7, "2.0.0.127.zone.test", 16);
    for (let length = 0; length < whole.length; length++) {
      expect(readQuery(whole.subarray(0, length))).toBeUndefined();
    }
  });

  it("refuses a pointer that leads forwards or to itself", () => {
    const header = writeQuery(1, "", 1).subarray(0, 12);
    expect(readName(Buffer.concat([header, Buffer.from([0xc0, 12])]), 12)).toBeUndefined();
    expect(readName(Buffer.concat([header, Buffer.from([0xc0, 14, 0])]), 12)).toBeUndefined();
    expect(readName(Buffer.concat([header, Buffer.from([1, 97, 0, 1, 98, 0xc0, 12])]), 15)).toEqual({
      name: "b.a",
      end: 19,
    });
  });
});

describe("fake name server", () => {
  let dns: FakeDns;
  let resolver: Resolver;

  beforeEach(async () => {
    dns = await startDns();
    resolver = new Resolver({ timeout: 2000, tries: 2 });
    resolver.setServers([dns.server]);
  });
  afterEach(async () => {
    resolver.cancel();
    await dns.close();
  });

  it("answers every type it holds", async () => {
    dns.add("host.test", "A", "127.0.0.2", 77);
    dns.add("host.test", "AAAA", "2001:db8::7");
    dns.add("host.test", "TXT", "x".repeat(300));
    dns.add("host.test", "MX", "10 mx.host.test");
    dns.add("1.2.0.192.in-addr.arpa", "PTR", "client.test");
    expect(await resolver.resolve4("host.test", { ttl: true })).toEqual([{ address: "127.0.0.2", ttl: 77 }]);
    expect(await resolver.resolve6("host.test")).toEqual(["2001:db8::7"]);
    expect(await resolver.resolveTxt("host.test")).toEqual([["x".repeat(255), "x".repeat(45)]]);
    expect(await resolver.resolveMx("host.test")).toMatchObject([{ priority: 10, exchange: "mx.host.test" }]);
    expect(await resolver.reverse("192.0.2.1")).toEqual(["client.test"]);
  });

  it("tells an absent name from an absent type", async () => {
    dns.add("a.host.test", "A", "127.0.0.2");
    await expect(resolver.resolve4("none.test")).rejects.toMatchObject({ code: "ENOTFOUND" });
    await expect(resolver.resolve4("host.test")).rejects.toMatchObject({ code: "ENODATA" });
    await expect(resolver.resolveTxt("a.host.test")).rejects.toMatchObject({ code: "ENODATA" });
  });

  it("fails, drops, delays and truncates as told, and counts what it was asked", async () => {
    dns.add("slow.test", "A", "127.0.0.3");
    dns.add("long.test", "TXT", "y".repeat(900));
    dns.behave("broken.test", { rcode: "SERVFAIL" });
    dns.behave("slow.test", { delay: 50 });
    dns.behave("silent.test", { drop: true });
    await expect(resolver.resolve4("broken.test")).rejects.toMatchObject({ code: "ESERVFAIL" });
    expect(await resolver.resolve4("slow.test")).toEqual(["127.0.0.3"]);
    expect((await resolver.resolveTxt("long.test")).flat().join("")).toBe("y".repeat(900));
    const hasty = new Resolver({ timeout: 100, tries: 1 });
    hasty.setServers([dns.server]);
    await expect(hasty.resolve4("silent.test")).rejects.toMatchObject({ code: "ETIMEOUT" });
    expect(dns.count("silent.test", "A")).toBe(1);
    expect(dns.asked).toContainEqual({ name: "long.test", type: "TXT", over: "tcp" });
  });

  it("closes a TCP client that sends nothing like a message", async () => {
    const client = connect(dns.port, "127.0.0.1");
    await once(client, "connect");
    client.write(Buffer.from([0, 3, 1, 2, 3]));
    client.end();
    await once(client.resume(), "close");
    expect(dns.asked).toEqual([]);
  });
});
