/** `[[route]] forward_client`: a hop hears of the client of each message, and of no other, over whatever connection. */
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";

import { forwardingLines } from "../../src/couriers/smtp/client-forwarding.ts";
import type { ClientFacts } from "../../src/mail/courier.ts";
import { fromXtext, isXtext, toXtext } from "../../src/mail/xtext.ts";
import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop, NextHopScript, Received } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const every = {
  XCLIENT: "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT",
  XFORWARD: "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
};

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function scene(how: string, script: NextHopScript): Promise<{ relay: TestRelay; hop: NextHop }> {
  const hop = await startNextHop(script);
  const relay = await startTestRelay({
    config: `[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\nforward_client = "${how}"\ntimeout = "8s"
[[listener]]\nname = "mx"\nlisten = ["127.0.0.1:0"]\nproxy_from = ["127.0.0.1"]\n`,
  });
  open.push({
    close: async () => {
      await relay.stop();
      await hop.close();
    },
  });
  return { relay, hop };
}

/** A client of any address, by a PROXY header. */
async function client(relay: TestRelay, ip: string, helo: string, verb = "EHLO"): Promise<SmtpClient> {
  const opened = await SmtpClient.open(relay.port);
  opened.write(`PROXY TCP${ip.includes(":") ? 6 : 4} ${ip} ${ip.includes(":") ? "::1" : "127.0.0.1"} 4711 25\r\n`);
  expect(await opened.reply()).toMatch(/^220 /);
  expect(await opened.command(`${verb} ${helo}`)).toMatch(/^250/);
  return opened;
}

async function send(from: SmtpClient, sender: string, how: "whole" | "rset" | "refused" = "whole"): Promise<void> {
  expect(await from.command(`MAIL FROM:<${sender}>`)).toMatch(/^250/);
  expect(await from.command("RCPT TO:<a@kontor.example>")).toMatch(/^250/);
  if (how === "rset") {
    await from.command("RSET");
    return;
  }
  await from.command("DATA");
  const bare = how === "refused" ? "bare\nline" : "x";
  expect(await from.command(`Subject: ${sender}\r\n\r\n${bare}\r\n.`)).toMatch(how === "whole" ? /^250/ : /^550/);
}

function valueOf({ attributes }: Received, name: string): string | undefined {
  return attributes.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
}

describe("the commands", () => {
  const facts: ClientFacts = {
    session: "abc",
    ip: "2001:db8::1",
    port: 4711,
    host: "host.sender.example",
    helo: "a+b=c ü",
    protocol: "ESMTP",
    login: "",
    local: { ip: "192.0.2.25", port: 25 },
  };
  const features = (text: string): Map<string, string> =>
    new Map([text.split(/ (.*)/s).slice(0, 2) as [string, string]]);

  it("have every attribute that the hop offers, in xtext, and no other", () => {
    expect(forwardingLines("XCLIENT", facts, features(every.XCLIENT))).toEqual([
      "XCLIENT NAME=host.sender.example ADDR=IPV6:2001:db8::1 PORT=4711 PROTO=ESMTP HELO=a+2Bb+3Dc+20+C3+BC LOGIN=[UNAVAILABLE] DESTADDR=192.0.2.25 DESTPORT=25",
    ]);
    expect(forwardingLines("XFORWARD", facts, features(every.XFORWARD))).toEqual([
      "XFORWARD NAME=host.sender.example ADDR=IPV6:2001:db8::1 PORT=4711 PROTO=ESMTP HELO=a+2Bb+3Dc+20+C3+BC IDENT=abc SOURCE=REMOTE",
    ]);
    expect(forwardingLines("XCLIENT", facts, features("XCLIENT addr NAME UNHEARDOF"))).toEqual([
      "XCLIENT NAME=host.sender.example ADDR=IPV6:2001:db8::1",
    ]);
    expect(forwardingLines("XCLIENT", facts, features(every.XFORWARD))).toEqual([]);
  });

  it("are cut at 512 octets, and a value at 255; no text of a client makes another word or line of it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.string({ maxLength: 300 }), (helo, login) => {
        const lines = forwardingLines("XCLIENT", { ...facts, helo, login }, features(every.XCLIENT));
        for (const line of lines) {
          expect(line.length).toBeLessThanOrEqual(510);
          expect(line).toMatch(/^XCLIENT(?: [A-Z]+=[!-~]{1,255})+$/);
        }
        expect(lines.join(" ").match(/ [A-Z]+=/g)).toHaveLength(8);
      }),
    );
  });

  it("xtext gives back what was put into it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(isXtext(toXtext(text))).toBe(true);
        expect(Buffer.from(fromXtext(toXtext(text)) ?? "", "latin1").toString("utf8")).toBe(
          Buffer.from(text, "utf8").toString("utf8"),
        );
      }),
    );
    for (const bad of ["a b", "a=b", "+", "+2", "+2b", "ü", "\x7f"]) {
      expect(fromXtext(bad), bad).toBeUndefined();
    }
  });
});

describe.each(["xclient", "xforward"] as const)("%s", (how) => {
  const verb = how === "xclient" ? "XCLIENT" : "XFORWARD";
  const keywords = ["PIPELINING", "SIZE 104857600", "8BITMIME", every[verb]];

  it("tells the hop of each message's own client, over connections that many clients share", async () => {
    const { relay, hop } = await scene(how, { keywords });
    const step = fc.record({
      client: fc.integer({ min: 0, max: 3 }),
      how: fc.constantFrom("whole" as const, "whole" as const, "rset" as const, "refused" as const),
      together: fc.boolean(),
    });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
        const ips = ["192.0.2.1", "192.0.2.2", "2001:db8::3", "192.0.2.4"];
        const clients = await Promise.all(ips.map((ip, i) => client(relay, ip, `helo${i}.example`)));
        const busy = new Map<number, Promise<void>>();
        for (const each of steps) {
          // One session is asked one thing at a time; different ones at the same time.
          if (!each.together || busy.has(each.client)) {
            await Promise.all(busy.values());
            busy.clear();
          }
          const sender = `c${each.client}.${(count += 1)}@sender.example`;
          busy.set(each.client, send(clients[each.client] as SmtpClient, sender, each.how));
        }
        await Promise.all(busy.values());
        clients.forEach((each) => each.close());
      }),
      { numRuns: 25 },
    );
    expect(hop.received.length).toBeGreaterThan(20);
    expect(hop.connections).toBeLessThan(hop.received.length);
    for (const message of hop.received) {
      const i = /^c(\d)\./.exec(message.sender)?.[1];
      expect(valueOf(message, "HELO")).toBe(`helo${i}.example`);
      expect(valueOf(message, "ADDR")).toBe(["192.0.2.1", "192.0.2.2", "IPV6:2001:db8::3", "192.0.2.4"][Number(i)]);
      expect(valueOf(message, "PORT")).toBe("4711");
      expect(message.helo).toBe(how === "xclient" ? `helo${i}.example` : "mx.kontor.example");
    }
    expect(hop.violations).toEqual([]);
  });

  it("tells a hop that knows no IPv6 of a client without address", async () => {
    const refuse = {
      [how]: ({ line }: { line: string }) => (line.includes("IPV6:") ? "501 5.5.4 Bad ADDR" : undefined),
    };
    const { relay, hop } = await scene(how, { keywords, answers: refuse });
    const six = await client(relay, "2001:db8::3", "six.example");
    await send(six, "s@sender.example");
    expect(hop.received.map((message) => [valueOf(message, "ADDR"), valueOf(message, "HELO")])).toEqual([
      ["[UNAVAILABLE]", "six.example"],
    ]);
    six.close();
  });

  it("sends nothing to a hop that does not offer it, and logs that", async () => {
    const { relay, hop } = await scene(how, {});
    const one = await client(relay, "192.0.2.1", "one.example", "HELO");
    await send(one, "s@sender.example");
    expect(hop.received.map(({ attributes }) => attributes)).toEqual([[]]);
    expect(hop.violations).toEqual([]);
    expect(relay.log.join("\n")).toContain(`does not offer ${verb}, it takes the relay for the client`);
    one.close();
  });

  it("says that a hop is lost if that refuses it, and sends no message as somebody else's", async () => {
    const { relay, hop } = await scene(how, { keywords, answers: { [how]: "501 5.5.4 Bad attribute" } });
    const one = await client(relay, "192.0.2.1", "one.example");
    await one.command("MAIL FROM:<s@sender.example>");
    expect(await one.command("RCPT TO:<a@kontor.example>")).toMatch(/^451 4\.4\.\d /);
    expect(hop.received).toEqual([]);
    expect(hop.commands.flat().filter((line) => line.startsWith("MAIL"))).toEqual([]);
    expect(relay.log.join("\n")).toContain(`${verb} answered 501 5.5.4 Bad attribute`);
    one.close();
  });
});
