/** Connections to next hops between transactions: kept, tried for life, given up, rested; and the ways of domains. */
import { afterEach, describe, expect, it } from "vitest";

import { resolverOf } from "../dns/resolver-of.ts";
import { silentLog } from "../../src/report/log.ts";
import { HopPool } from "../../src/couriers/smtp/hop-pool.ts";
import { createMailExchangers } from "../../src/dns/mail-exchangers.ts";
import type { Route } from "../../src/couriers/contract/routes.ts";
import { startDns } from "../fakes/dns.ts";
import type { FakeDns } from "../fakes/dns.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import { closeScenes, expectHonest, hello, scene, send } from "./scene.ts";

const ends: (() => Promise<void>)[] = [closeScenes];
afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
  ends.length = 1;
});

async function startHop(): Promise<NextHop> {
  const hop = await startNextHop();
  ends.push(() => hop.close());
  return hop;
}

describe("a connection to a next hop", () => {
  it("carries one message after another, of several clients", async () => {
    const { relay, hop } = await scene();
    for (let i = 0; i < 3; i++) {
      const client = await hello(relay);
      expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
      expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
      client.close();
    }
    expect(hop.connections).toBe(1);
    expect(hop.received).toHaveLength(6);
  });

  it("ends after the messages that the hop takes on one: MAILMAX, RFC 9422", async () => {
    const { relay, hop } = await scene({ keywords: ["PIPELINING", "LIMITS RCPTMAX=9 MAILMAX=2"] });
    const client = await hello(relay);
    for (let i = 0; i < 5; i++) {
      expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    }
    expect(hop.connections).toBe(3);
    client.close();
  });

  it("is given back after RSET, and after a client that only asked", async () => {
    const { relay, hop } = await scene();
    const client = await hello(relay);
    await client.command("MAIL FROM:<>");
    expect(await client.command("RCPT TO:<a@kontor.example>")).toMatch(/^250/);
    await client.command("QUIT");
    await hop.until(() => hop.commands.flat().includes("RSET"));
    const next = await hello(relay);
    // The answer to RSET may still be under way.
    await expect.poll(async () => (await send(next)).at(-1), { timeout: 8000 }).toBe("250 2.0.0 Accepted");
    expect(hop.connections).toBeLessThanOrEqual(2);
    next.close();
  });

  it("gets RSET together with the next MAIL, and one that refuses it is not used again", async () => {
    for (const answer of ["250 2.0.0 OK", "421 4.3.2 Closing", "502 5.5.1 Not here"]) {
      const { relay, hop } = await scene({ keywords: ["PIPELINING"], answers: { rset: answer } });
      const client = await hello(relay);
      const asked = ["MAIL FROM:<s@sender.example>", "RCPT TO:<a@kontor.example>"];
      const lines = [...asked, "RSET", ...asked];
      client.write(lines.map((line) => `${line}\r\n`).join(""));
      for (const line of lines) {
        expect(await client.reply(), `${answer}: ${line}`).toMatch(/^250/);
      }
      const [first = [], second] = hop.commands;
      expect(first.map((line) => line.slice(0, 4))).toEqual(["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT"]);
      expect(second?.map((line) => line.slice(0, 4))).toEqual(
        answer.startsWith("250") ? undefined : ["EHLO", "MAIL", "RCPT"],
      );
      client.close();
    }
  });

  it("gets RSET by itself where no MAIL follows", async () => {
    const { relay, hop } = await scene({ keywords: ["PIPELINING"] });
    const client = await hello(relay);
    await client.command("MAIL FROM:<s@sender.example>");
    expect(await client.command("RCPT TO:<a@kontor.example>")).toMatch(/^250/);
    await client.command("RSET");
    await hop.until(() => hop.commands[0]?.at(-1) === "RSET");
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.connections).toBe(1);
    client.close();
  });

  it("that died while unused, in whatever way, costs the client nothing", async () => {
    for (const how of ["reset", "421", "421 and stays", "silence", "garbage"] as const) {
      const { relay, hop } = await scene({}, "", {}, how === "silence" ? "1s" : "8s");
      const client = await hello(relay);
      const first = await send(client);
      if (how === "reset") {
        hop.reset();
      } else {
        hop.script.answers = {
          mail: ({ connection }) =>
            connection > 1
              ? undefined
              : how === "421 and stays"
                ? "421 4.4.2 Idle for too long"
                : how === "421"
                  ? { drop: "fin", first: "421 4.4.2 Idle for too long" }
                  : how === "silence"
                    ? { hang: true }
                    : { bytes: "\0\0\0\n" },
        };
      }
      const second = await send(client);
      expect(second.at(-1), how).toBe("250 2.0.0 Accepted");
      expectHonest([first, second], hop);
      expect(hop.connections, how).toBe(2);
      // Even who says 421 and stays is let go.
      await hop.until(() => hop.open === 1);
      client.close();
    }
  });

  it("is not begun for a client that went away while it was opened", async () => {
    for (const stage of ["greeting", "ehlo"] as const) {
      const reply = stage === "greeting" ? "220 hop.example" : "250 hop.example";
      const { relay, hop } = await scene({ answers: { [stage]: { later: 150, reply } } });
      const client = await hello(relay);
      await client.command("MAIL FROM:<s@sender.example>");
      client.write("RCPT TO:<a@kontor.example>\r\n");
      await hop.until(() => hop.connections === 1);
      client.destroy();
      await hop.until(() => hop.commands[0]?.includes("QUIT") === true && hop.open === 0);
      expect(hop.commands).toEqual([["EHLO mx.kontor.example", "QUIT"]]);
    }
  });

  it("is not opened for a client that went away while a kept one was tried", async () => {
    const { relay, hop } = await scene();
    const client = await hello(relay);
    expect((await send(client)).at(-1)).toBe("250 2.0.0 Accepted");
    hop.script.answers = { mail: { hang: true } };
    await client.command("MAIL FROM:<s@sender.example>");
    client.write("RCPT TO:<a@kontor.example>\r\n");
    await hop.until(() => hop.commands[0]?.filter((line) => line.startsWith("MAIL")).length === 2);
    client.destroy();
    await hop.until(() => hop.open === 0);
    hop.script.answers = {};
    const next = await hello(relay);
    expect((await send(next)).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.connections).toBe(2);
    next.close();
  });

  it("to a dead hop is not tried again for some seconds; the client is told at once", async () => {
    const { relay, hop } = await scene();
    await hop.listen(false);
    const client = await hello(relay);
    expect((await send(client))[0]).toBe("451 4.4.1 Next hop is not available, try again later");
    await hop.listen(true);
    expect((await send(client))[0]).toBe("451 4.4.1 Next hop is not available, try again later");
    expect(hop.connections).toBe(0);
    expect(relay.log.filter((line) => line.includes("rests"))).toHaveLength(1);
    client.close();
  });
});

describe("routes", () => {
  it("send a recipient that goes elsewhere back for a message of its own", async () => {
    const other = await startHop();
    const { relay, hop } = await scene(
      {},
      `[[route]]\ndomain = "zweig.example"\nnext_hop = "smtp://127.0.0.1:${other.port}"\n
[domains]\nrelay = ["kontor.example", "zweig.example"]\naliases = { "zweig.test" = "zweig.example" }`,
    );
    const client = await hello(relay);
    expect(await send(client, ["a@kontor.example", "b@zweig.example"])).toEqual([
      "250 2.1.5 Recipient OK",
      "452 4.5.3 Send this recipient in a message of its own",
      "354 End data with <CR><LF>.<CR><LF>",
      "250 2.0.0 Accepted",
    ]);
    expect((await send(client, ["b@zweig.test"])).at(-1)).toBe("250 2.0.0 Accepted");
    expect([hop.received.length, other.received[0]?.recipients]).toEqual([1, ["b@zweig.test"]]);
    client.close();
  });

  it("let a dead hop hold up none but its own recipients", async () => {
    const other = await startHop();
    const { relay, hop } = await scene(
      {},
      `[[route]]\ndomain = "zweig.example"\nnext_hop = "smtp://127.0.0.1:${other.port}"\n
[domains]\nrelay = ["kontor.example", "zweig.example"]`,
    );
    await hop.listen(false);
    const client = await hello(relay);
    expect(await send(client, ["a@kontor.example", "c@kontor.example", "b@zweig.example"])).toEqual([
      "451 4.4.1 Next hop is not available, try again later",
      "451 4.4.1 Next hop is not available, try again later",
      "250 2.1.5 Recipient OK",
      "354 End data with <CR><LF>.<CR><LF>",
      "250 2.0.0 Accepted",
    ]);
    expect(other.received[0]?.recipients).toEqual(["b@zweig.example"]);
    client.close();
  });

  it("to a hop that breaks off at MAIL are tried once for a message, however many recipients it has", async () => {
    const { relay, hop } = await scene({ answers: { mail: { drop: "fin" } } });
    const client = await hello(relay);
    const lost = "451 4.4.2 Lost the next hop, try again later";
    expect((await send(client, ["a@kontor.example", "b@kontor.example", "c@kontor.example"])).slice(0, 3)).toEqual([
      lost,
      lost,
      lost,
    ]);
    expect(hop.connections).toBe(1);
    client.close();
  });

  it("take a bare postmaster where the first domain goes", async () => {
    const hop = await startHop();
    const relay = await startTestRelay({
      config: `[[route]]\ndomain = "kontor.example"\nnext_hop = "smtp://127.0.0.1:${hop.port}"`,
    });
    ends.push(() => relay.stop());
    const client = await hello(relay);
    expect((await send(client, ["Postmaster"])).at(-1)).toBe("250 2.0.0 Accepted");
    expect(hop.received[0]?.recipients).toEqual(["Postmaster"]);
    client.close();
  });

  it("to mail exchangers keep domains apart, and answer 451 where DNS does not", async () => {
    const dns = await startDns();
    ends.push(() => dns.close());
    dns.behave("*", { rcode: "SERVFAIL" });
    const relay = await startTestRelay({
      config: `[[route]]\ndomain = "*"\nnext_hop = "mx"\n
[smtp]\nlisten = ["127.0.0.1:0"]\ngreeting_delay = "0ms"\n
[dns]\nservers = ["${dns.server}"]\n
[domains]\nrelay = ["kontor.example", "zweig.example"]`,
    });
    ends.push(() => relay.stop());
    const client = await hello(relay);
    expect((await send(client, ["a@kontor.example", "b@zweig.example"])).slice(0, 2)).toEqual([
      "451 4.4.1 Next hop is not available, try again later",
      "451 4.4.1 Next hop is not available, try again later",
    ]);
    expect([dns.count("kontor.example", "MX") > 0, dns.count("zweig.example", "MX") > 0]).toEqual([true, true]);
    client.close();
  });
});

describe("routes of an alias", () => {
  it("are those of its relay domain, not the rest's", async () => {
    const rest = await startHop();
    const own = await startHop();
    const relay = await startTestRelay({
      config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${rest.port}"\n
[[route]]\ndomain = "kontor.example"\nnext_hop = "smtp://127.0.0.1:${own.port}"`,
    });
    ends.push(() => relay.stop());
    const client = await hello(relay);
    expect((await send(client, ["a@kontor.example", "b@kontor.test"])).at(-1)).toBe("250 2.0.0 Accepted");
    expect(own.received[0]?.recipients).toEqual(["a@kontor.example", "b@kontor.test"]);
    expect(rest.connections).toBe(0);
    client.close();
  });
});

describe("mail exchangers", () => {
  const route = (domain: string): Route => ({
    key: `mx ${domain}`,
    hops: [{ kind: "mx", scheme: "mx" }],
    replies: "mirror",
    tls: { mode: "off", ca: undefined },
    timeout: 500,
    dataTimeout: 500,
  });

  async function scenery(port: number): Promise<{ dns: FakeDns; pool: HopPool }> {
    const dns = await startDns();
    const pool = new HopPool("mx.kontor.example", createMailExchangers(resolverOf([dns.server]), port), silentLog);
    ends.push(() => dns.close());
    ends.push(async () => pool.close());
    return { dns, pool };
  }

  it("are tried in the order of their preference, dead ones passed over", async () => {
    const hop = await startHop();
    const { dns, pool } = await scenery(hop.port);
    dns.add("kontor.example", "MX", "30 third.example");
    dns.add("kontor.example", "MX", "10 first.example");
    dns.add("kontor.example", "MX", "20 second.example");
    dns.add("first.example", "A", "127.0.0.9");
    dns.add("second.example", "A", "127.0.0.1");
    dns.add("third.example", "A", "127.0.0.8");
    const connection = await pool.open(route("kontor.example"), "kontor.example");
    expect(connection.endpoint).toEqual({ host: "127.0.0.1", port: hop.port, name: "second.example" });
    connection.quit();
  });

  it("are the domain itself where it has no MX, and none where it says so", async () => {
    const hop = await startHop();
    const { dns, pool } = await scenery(hop.port);
    dns.add("plain.example", "A", "127.0.0.1");
    dns.add("null.example", "MX", "0 .");
    dns.add("null.example", "A", "127.0.0.1");
    (await pool.open(route("plain.example"), "plain.example")).quit();
    await expect(pool.open(route("null.example"), "null.example")).rejects.toThrow("no mail exchanger");
    await expect(pool.open(route("no.example"), "no.example")).rejects.toThrow("no mail exchanger");
    expect(hop.connections).toBe(1);
  });

  it("are unknown where DNS fails, which is no statement about the domain", async () => {
    const { dns, pool } = await scenery(1);
    dns.behave("kontor.example", { rcode: "SERVFAIL" });
    await expect(pool.open(route("kontor.example"), "kontor.example")).rejects.toThrow(
      "Cannot find the mail exchangers",
    );
  });

  it("that are many are not all tried", async () => {
    const { dns } = await scenery(1);
    for (let i = 0; i < 20; i++) {
      dns.add("kontor.example", "MX", `${i} mx${i}.example`);
      dns.add(`mx${i}.example`, "A", `127.0.1.${i}`);
    }
    const found = await createMailExchangers(resolverOf([dns.server])).find("kontor.example");
    expect(found.map(({ host }) => host)).toEqual(["127.0.1.0", "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"]);
    expect([dns.count("mx4.example", "A"), dns.count("mx5.example", "A")]).toEqual([1, 0]);
    for (let i = 0; i < 20; i++) {
      dns.add("wide.example", "A", `127.0.2.${i}`);
    }
    expect(await createMailExchangers(resolverOf([dns.server])).find("wide.example")).toHaveLength(5);
  });

  it("each have connections of their own", async () => {
    const hop = await startHop();
    const { dns, pool } = await scenery(hop.port);
    dns.add("a.example", "A", "127.0.0.1");
    const connection = await pool.open(route("a.example"), "a.example");
    pool.release(route("a.example"), connection);
    expect(pool.reuse(route("b.example"))).toBeUndefined();
    expect(pool.reuse(route("a.example"))).toBe(connection);
    connection.quit();
  });
});
