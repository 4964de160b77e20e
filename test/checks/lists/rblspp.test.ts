/** rblspp against a real name server on loopback, and its example plugin against the same. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";

import type { DnsSettings } from "../../../src/dns/resolver.ts";
import { resolverOf } from "../../dns/resolver-of.ts";
import { rblspp } from "../../../src/checks/lists/rblspp.ts";
import type { CheckRun } from "../../../src/hooks/check.ts";
import type { Verdict } from "../../../src/hooks/verdict.ts";
import { startDns } from "../../fakes/dns.ts";
import type { FakeDns } from "../../fakes/dns.ts";
import {
  asOriginal,
  asPrinted,
  atRecipient,
  Clock,
  mailbox,
  makeSession,
  RecordingLog,
  runPlugin,
  startCheck,
} from "../fixture.ts";

const listedIp = "192.0.2.7";
const listed = "7.2.0.192.block.test";
const text = "Listed, see http://block.test/192.0.2.7";

async function judge(check: CheckRun, variables: Record<string, string> = {}, ip = listedIp): Promise<string> {
  const verdict: Verdict | undefined = await check.rcpt?.(atRecipient(makeSession(variables, ip)));
  return asPrinted(verdict ?? { kind: "drop" });
}

function fails(values: Record<string, unknown>): boolean {
  return !z.strictObject(rblspp.settings).safeParse(values).success;
}

describe("rblspp", () => {
  let dns: FakeDns;
  let clock: Clock;
  let log: RecordingLog;

  beforeEach(async () => {
    dns = await startDns();
    dns.add(listed, "A", "127.0.0.2", 300);
    dns.add(listed, "TXT", text, 300);
    clock = new Clock();
    log = new RecordingLog();
  });
  afterEach(() => dns.close());

  const start = (values: Record<string, unknown> = {}, settings: Partial<DnsSettings> = {}): CheckRun => {
    const { servers = [dns.server], ...more } = settings;
    const resolver = resolverOf(servers, more, log, clock.now);
    return startCheck(rblspp, { sources: ["r:block.test"], test_points: false, ...values }, log, clock.now, resolver);
  };

  /** The same question to both: settings and arguments that mean the same. */
  const both = async (
    values: Record<string, unknown>,
    args: readonly string[],
    variables: Record<string, string> = {},
    ip = listedIp,
  ): Promise<string> => {
    const session = atRecipient(makeSession(variables, ip));
    if (variables["SMTPRCPTCOUNT"] === "1") {
      session.transaction?.accepted.push({ mailbox: mailbox("first@example.test") });
    }
    const verdict = await start(values).rcpt?.(session);
    const environment = { TCPREMOTEIP: ip, SMTPRCPTCOUNT: "0", DNSCACHEIP: dns.server, ...variables };
    const { commands, exit } = await runPlugin("rblspp", args, environment);
    expect(exit).toBe(0);
    expect(commands.join()).toBe(asOriginal(verdict ?? { kind: "drop" }));
    return commands.join();
  };

  it("refuses a listed client with 451 and the text of the list", async () => {
    const verdict = await start().rcpt?.(atRecipient(makeSession()));
    expect(verdict).toEqual({
      kind: "refuse",
      reason: "listed",
      reply: { code: 451, wire: `451 4.7.1 ${text}\r\n` },
    });
  });

  it("refuses with 553 where permanent", async () => {
    expect(await judge(start({ permanent: true }))).toBe(`E553 5.7.1 ${text}`);
  });

  it("passes a client that no list has", async () => {
    expect(await judge(start(), {}, "192.0.2.8")).toBe("");
    expect(dns.asked).toEqual([{ name: "8.2.0.192.block.test", type: "TXT", over: "udp" }]);
  });

  it("passes a client whose name has records of other types only", async () => {
    dns.add("8.2.0.192.block.test", "A", "127.0.0.2");
    expect(await judge(start({ fail_closed: true }), {}, "192.0.2.8")).toBe("");
  });

  it("passes the other recipients once one was accepted, and asks no list", async () => {
    const session = makeSession();
    session.begin(mailbox("sender@sender.test")).accepted.push({ mailbox: mailbox("first@example.test") });
    expect(start().rcpt?.(atRecipient(session))).toEqual({ kind: "pass" });
    expect(dns.asked).toEqual([]);
  });

  it("asks again at the first recipient of the next message", async () => {
    const check = start();
    const session = makeSession();
    session.begin(undefined).accepted.push({ mailbox: mailbox("first@example.test") });
    session.begin(undefined);
    expect(await check.rcpt?.(atRecipient(session))).toMatchObject({ kind: "refuse" });
  });

  describe("with the test points of a list", () => {
    const mapped = `0.0.0.0.0.f.7.f.f.f.f${".0".repeat(20)}.block.test`;
    const points = {
      none: "1.0.0.127.block.test",
      test: "2.0.0.127.block.test",
      none6: `1.${mapped}`,
      test6: `2.${mapped}`,
    };
    const v6 = "2001:db8::7";
    const v6Name = `7${".0".repeat(23)}.8.b.d.0.1.0.0.2.block.test`;
    const check = (): CheckRun => start({ test_points: true });

    beforeEach(() => {
      dns.add(v6Name, "A", "127.0.0.2");
      dns.add(v6Name, "TXT", text);
    });

    it("believes one that lists 127.0.0.2 and not 127.0.0.1", async () => {
      dns.add(points.test, "A", "127.0.0.2");
      const run = check();
      expect(await judge(run)).toBe(`E451 4.7.1 ${text}`);
      expect(await judge(run, {}, v6)).toBe(`E451 4.7.1 ${text}`);
      expect(log.lines).toEqual([]);
      expect(dns.count(points.none) + dns.count(points.none6)).toBe(2);
    });

    it("leaves out one that lists everybody, says so, and hears it again when it is mended an hour later", async () => {
      dns.add(points.none, "A", "127.0.0.2", 1);
      dns.add(points.test, "A", "127.0.0.2", 1);
      const run = check();
      expect(await judge(run)).toBe("");
      expect(log.lines).toEqual(["dns: list is left out"]);
      dns.remove(points.none);
      clock.time += 3_599_999;
      expect(await judge(run)).toBe("");
      clock.time += 1;
      // The round is asked beside the mail, which does not wait for it.
      await judge(run);
      await expect.poll(() => log.lines.at(-1)).toMatch(/^dns: list is asked again/);
      expect(await judge(run)).toBe(`E451 4.7.1 ${text}`);
    });

    it("leaves out one that lists nobody", async () => {
      expect(await judge(check())).toBe("");
      expect(log.lines).toEqual(["dns: list is left out"]);
    });

    it("leaves out for IPv6 one that lists every IPv6 address, and believes it about IPv4", async () => {
      dns.add(points.test, "A", "127.0.0.2");
      dns.add(points.none6, "A", "127.0.0.2");
      const run = check();
      expect(await judge(run, {}, v6)).toBe("");
      expect(await judge(run)).toBe(`E451 4.7.1 ${text}`);
      expect(log.lines).toEqual(["dns: list is left out"]);
    });

    it("believes one of IPv6 addresses alone, by ::FFFF:7F00:2", async () => {
      dns.add(points.test6, "A", "127.0.0.2");
      expect(await judge(check(), {}, v6)).toBe(`E451 4.7.1 ${text}`);
      expect(log.lines).toEqual([]);
    });

    it("asks as ever while the points cannot be asked", async () => {
      for (const name of Object.values(points)) {
        dns.behave(name, { rcode: "SERVFAIL" });
      }
      expect(await judge(check())).toBe(`E451 4.7.1 ${text}`);
    });
  });

  describe("by RBLSPP in the client rules", () => {
    it.each([
      ["", ""],
      ["go away", "E451 4.7.1 go away"],
      ["-go away", "E553 5.7.1 go away"],
      ["\u00e4\r\n250 ok", "E451 4.7.1 ???250 ok"],
    ])("answers %j at once, and asks no list", async (value, expected) => {
      expect(await judge(start({ permanent: true }), { RBLSPP: value })).toBe(expected);
      expect(dns.asked).toEqual([]);
    });
  });

  describe("with several sources", () => {
    it("clears a client that an earlier list allows", async () => {
      dns.add("7.2.0.192.allow.test", "A", "127.0.0.2");
      expect(await judge(start({ sources: ["a:allow.test", "r:block.test"] }))).toBe("");
    });

    it("blocks a client that an earlier list blocks", async () => {
      dns.add("7.2.0.192.allow.test", "A", "127.0.0.2");
      expect(await judge(start({ sources: ["r:block.test", "a:allow.test"] }))).toBe(`E451 4.7.1 ${text}`);
    });

    it("takes the word of the first list that has one, also where a later one answers first", async () => {
      dns.add("7.2.0.192.slow.test", "TXT", "slow but first");
      dns.behave("7.2.0.192.slow.test", { delay: 150 });
      expect(await judge(start({ sources: ["r:none.test", "r:slow.test", "r:block.test"] }))).toBe(
        "E451 4.7.1 slow but first",
      );
    });

    it("does not wait for a list behind the one that decides", async () => {
      dns.behave("7.2.0.192.dead.test", { drop: true });
      const started = performance.now();
      expect(await judge(start({ sources: ["r:block.test", "r:dead.test"], timeout: "20s" }))).toBe(
        `E451 4.7.1 ${text}`,
      );
      expect(performance.now() - started).toBeLessThan(10_000);
    });
  });

  describe("by A records", () => {
    it("replies with the configured message, and %IP% is the client", async () => {
      const sources = ["r:block.test:Blocked: %IP% (http://x.test/%IP%)"];
      expect(await judge(start({ sources }))).toBe(`E451 4.7.1 Blocked: ${listedIp} (http://x.test/${listedIp})`);
      expect(dns.asked.map(({ type }) => type)).toEqual(["A"]);
    });

    it("asks for nibbles of an IPv6 client", async () => {
      const name = `7.${"0.".repeat(23)}8.b.d.0.1.0.0.2.block.test`;
      dns.add(name, "A", "127.0.0.2");
      dns.add(name, "TXT", "six");
      expect(await judge(start(), {}, "2001:db8::7")).toBe("E451 4.7.1 six");
      expect(await judge(start({ sources: ["r:block.test:%IP%"] }), {}, "2001:db8::7")).toBe("E451 4.7.1 2001:db8::7");
    });
  });

  it("shows nothing in a reply but printable ASCII, at most 500 characters", async () => {
    dns.remove(listed);
    dns.add(listed, "TXT", `bad\r\n250 ok\x00\x1b[31m\xe4 ${"x".repeat(700)}`);
    const reply = await judge(start());
    expect(reply).toMatch(/^E451 4\.7\.1 bad\?\?250 ok\?\?\[31m\? x{400,}$/);
    // With CRLF, without the E: 512 octets.
    expect(reply).toHaveLength(511);
    expect(dns.asked.some(({ over }) => over === "tcp")).toBe(true);
  });

  describe("when a list gives no answer", () => {
    const broken = "7.2.0.192.broken.test";
    beforeEach(() => dns.behave(broken, { rcode: "SERVFAIL" }));

    it("passes, or blocks with 451 even where permanent if it fails closed", async () => {
      const sources = ["r:broken.test"];
      expect(await judge(start({ sources }))).toBe("");
      const closed = { sources, fail_closed: true, permanent: true };
      expect(await judge(start(closed))).toBe("E451 4.7.1 Cannot look up your address at present");
      expect(log.lines[0]).toContain(broken);
    });

    it("tells the log once a minute, and how many it left out", async () => {
      dns.behave("*", { rcode: "REFUSED" });
      const check = start();
      for (const last of [1, 2, 3]) {
        await judge(check, {}, `192.0.2.${last}`);
      }
      clock.time += 60_000;
      await judge(check, {}, "192.0.2.4");
      expect(log.lines).toEqual([
        'dns: no answer {"type":"TXT","name":"1.2.0.192.block.test","why":"REFUSED","suppressed":0}',
        'dns: no answer {"type":"TXT","name":"4.2.0.192.block.test","why":"REFUSED","suppressed":2}',
      ]);
    });

    it("blocks with 451 instead of 553 by a list behind it", async () => {
      expect(await judge(start({ sources: ["r:broken.test", "r:block.test"], permanent: true }))).toBe(
        `E451 4.7.1 ${text}`,
      );
    });

    it("takes a client as cleared by a list that would clear, unless it fails closed", async () => {
      const sources = ["a:broken.test", "r:block.test"];
      expect(await judge(start({ sources }))).toBe("");
      expect(await judge(start({ sources, fail_closed: true, permanent: true }))).toBe(`E451 4.7.1 ${text}`);
    });

    it("waits no longer than the timeout", async () => {
      dns.behave(broken, { drop: true });
      const started = performance.now();
      expect(await judge(start({ sources: ["r:broken.test"] }, { timeout: 300 }))).toBe("");
      const waited = performance.now() - started;
      expect(waited).toBeGreaterThanOrEqual(290);
      expect(waited).toBeLessThan(5000);
      expect(log.lines.join()).toContain("ETIMEOUT");
    });

    it("waits no longer than the timeout, however many servers it may ask", async () => {
      const others = await Promise.all(Array.from({ length: 4 }, startDns));
      try {
        const servers = [dns, ...others].map((server) => server.server);
        for (const server of [dns, ...others]) {
          server.behave("*", { drop: true });
        }
        const started = performance.now();
        expect(await judge(start({ fail_closed: true }, { servers, timeout: 600 }))).toMatch(/^E451 4\.7\.1 Cannot/);
        expect(performance.now() - started).toBeLessThan(1800);
      } finally {
        await Promise.all(others.map((server) => server.close()));
      }
    });

    it("takes an answer that is no list code as none: a refused query, a zone that was sold", async () => {
      for (const [zone, code] of [
        ["refused", "127.255.255.254"],
        ["sold", "192.0.2.80"],
      ] as const) {
        dns.add(`7.2.0.192.${zone}.test`, "A", code);
        dns.add(`7.2.0.192.${zone}.test`, "TXT", "Error: open resolver");
        expect(await judge(start({ sources: [`r:${zone}.test`] }))).toBe("");
        expect(await judge(start({ sources: [`r:${zone}.test:no`] }))).toBe("");
        expect(await judge(start({ sources: [`r:${zone}.test`], fail_closed: true }))).toMatch(/^E451/);
      }
    });

    it("does not ask a list that failed again about the client for a while", async () => {
      const check = start({ sources: ["r:broken.test"] });
      await judge(check);
      const asked = dns.count(broken);
      clock.time += 9_999;
      await judge(check);
      expect(dns.count(broken)).toBe(asked);
      dns.remove(broken);
      dns.add(broken, "TXT", "well again");
      clock.time += 1;
      expect(await judge(check)).toBe("E451 4.7.1 well again");
    });
  });

  describe("holds answers", () => {
    it("for the TTL of the list, and answers from them without waiting", async () => {
      const check = start();
      await judge(check);
      const asked = dns.asked.length;
      clock.time += 299_999;
      expect(check.rcpt?.(atRecipient(makeSession()))).toMatchObject({ kind: "refuse" });
      expect(dns.asked).toHaveLength(asked);
      dns.remove(listed);
      clock.time += 1;
      expect(await judge(check)).toBe("");
    });

    it("of clients that are not listed, for a minute where the zone does not say", async () => {
      const check = start();
      const other = "8.2.0.192.block.test";
      await judge(check, {}, "192.0.2.8");
      clock.time += 59_999;
      await judge(check, {}, "192.0.2.8");
      expect(dns.count(other)).toBe(1);
      clock.time += 1;
      await judge(check, {}, "192.0.2.8");
      expect(dns.count(other)).toBe(2);
    });

    it("no more than configured, and forgets the oldest first", async () => {
      const check = start({}, { cacheSize: 2 });
      for (const last of [1, 2, 3, 3, 2, 1]) {
        await judge(check, {}, `192.0.2.${last}`);
      }
      expect([1, 2, 3].map((last) => dns.count(`${last}.2.0.192.block.test`))).toEqual([2, 1, 1]);
    });

    it("and counts one that was asked for again among the youngest", async () => {
      const check = start({}, { cacheSize: 2 });
      await judge(check, {}, "192.0.2.1");
      clock.time += 60_000;
      for (const last of [2, 1, 3, 1]) {
        await judge(check, {}, `192.0.2.${last}`);
      }
      expect(dns.count("1.2.0.192.block.test")).toBe(2);
    });

    it("and shares a question that is under way", async () => {
      dns.behave(listed, { delay: 50 });
      const check = start();
      const replies = await Promise.all(Array.from({ length: 20 }, () => judge(check)));
      expect(new Set(replies)).toEqual(new Set([`E451 4.7.1 ${text}`]));
      expect(dns.count(listed, "TXT")).toBe(1);
    });
  });

  it("takes sources only in their forms", () => {
    expect(fails({ sources: ["block.test"] })).toBe(true);
    expect(fails({ sources: ["r:block.test", "a:allow.test"] })).toBe(false);
  });

  describe("as a plugin", () => {
    it("says the same of listed clients, by TXT and by A, with 451 and 553", async () => {
      expect(await both({}, ["-r", "block.test"])).toBe(`E451 ${text}`);
      expect(await both({ permanent: true }, ["-b", "-r", "block.test"])).toBe(`E553 ${text}`);
      const sources = ["r:none.test", "r:block.test:No: %IP%"];
      expect(await both({ sources }, ["-B", "-C", "-r", "none.test", "-r", "block.test:No: %IP%"])).toBe(
        `E451 No: ${listedIp}`,
      );
    });

    it("says the same of clients that are not listed, allowed, accepted before or named by RBLSPP", async () => {
      dns.add("7.2.0.192.allow.test", "A", "127.0.0.2");
      const allow = { sources: ["a:allow.test", "r:block.test"] };
      expect(await both({}, ["-r", "block.test"], {}, "192.0.2.8")).toBe("");
      expect(await both(allow, ["-a", "allow.test", "-r", "block.test"])).toBe("");
      expect(await both({}, ["-r", "block.test"], { SMTPRCPTCOUNT: "1" })).toBe("");
      expect(await both({}, ["-r", "block.test"], { RBLSPP: "-no" })).toBe("E553 no");
      expect(await both({}, ["-r", "block.test"], { RBLSPP: "" })).toBe("");
    });

    it("says the same when lists fail, answer nonsense or are asked about IPv6", async () => {
      dns.behave("7.2.0.192.broken.test", { rcode: "SERVFAIL" });
      dns.add("7.2.0.192.sold.test", "A", "192.0.2.80");
      dns.add("7.2.0.192.sold.test", "TXT", "buy me");
      dns.add(`7.${"0.".repeat(23)}8.b.d.0.1.0.0.2.block.test`, "TXT", "six \xe4");
      const broken = { sources: ["r:broken.test", "r:block.test"], permanent: true };
      expect(await both(broken, ["-b", "-r", "broken.test", "-r", "block.test"])).toBe(`E451 ${text}`);
      const closed = { sources: ["r:broken.test"], fail_closed: true };
      expect(await both(closed, ["-c", "-r", "broken.test"])).toMatch(/^E451 Cannot/);
      expect(await both({ sources: ["r:sold.test"] }, ["-r", "sold.test"])).toBe("");
      expect(await both({}, ["-r", "block.test"], {}, "2001:db8::7")).toBe("E451 six ?");
    });
  });
});
