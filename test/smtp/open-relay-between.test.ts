/**
 * Never an open relay by what proxies say: each PROXY header with each XCLIENT, from those who are believed and from
 * strangers, over client rules of every kind. Whoever relays is told apart by a few lines here, not by the relay's own.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startNextHop } from "../fakes/next-hop.ts";
import type { NextHop } from "../fakes/next-hop.ts";
import { startTestRelay } from "../fakes/relay.ts";
import type { TestRelay } from "../fakes/relay.ts";
import { SmtpClient } from "../fakes/smtp-client.ts";

const office = "192.0.2.77";
const stranger = "192.0.2.9";
const proxy = "127.0.0.1";
const outside = "127.0.0.9";

/** An address in the words of version 2. */
const version2 = (command: number, family: number, from: string): string => {
  const address = Buffer.from([...from.split("."), ...office.split(".")].map(Number));
  const body = Buffer.concat([address, Buffer.from([0x12, 0x67, 0, 25])]);
  const fixed = Buffer.from([command, family, 0, body.length]);
  return Buffer.concat([Buffer.from("\r\n\r\n\0\r\nQUIT\n"), fixed, body]).toString("latin1");
};

/** What the peer says before all, and the client that it names; undefined: none, "bad": nothing is believed. */
const headers: Readonly<Record<string, { readonly text: string; readonly names?: string | undefined }>> = {
  none: { text: "", names: "bad" },
  UNKNOWN: { text: "PROXY UNKNOWN\r\n" },
  "UNKNOWN with an address": { text: `PROXY UNKNOWN ${office} ${office} 25 25\r\n` },
  "LOCAL with an address": { text: version2(0x20, 0x11, office) },
  "no family, with an address": { text: version2(0x21, 0x00, office) },
  "a Unix socket": { text: version2(0x21, 0x31, office) },
  "UDP of an address": { text: version2(0x21, 0x12, office), names: "bad" },
  "a stranger": { text: `PROXY TCP4 ${stranger} ${office} 4711 25\r\n`, names: stranger },
  "a stranger, version 2": { text: version2(0x21, 0x11, stranger), names: stranger },
  "a mapped stranger": { text: `PROXY TCP6 ::ffff:${stranger} ::ffff:${office} 4711 25\r\n`, names: stranger },
  "the office": { text: `PROXY TCP4 ${office} ${office} 4711 25\r\n`, names: office },
  "two headers": {
    text: `PROXY TCP4 ${stranger} ${office} 4711 25\r\nPROXY TCP4 ${office} ${office} 4711 25\r\n`,
    names: stranger,
  },
  "who may present": { text: `PROXY TCP4 192.0.2.6 ${office} 4711 25\r\n`, names: "192.0.2.6" },
};

/** What it says by XCLIENT, the address that this is, and whether somebody is logged in. */
const presented: Readonly<Record<string, { readonly words: string; readonly ip?: string; readonly login?: true }>> = {
  nothing: { words: "" },
  "a stranger": { words: `ADDR=${stranger}`, ip: stranger },
  "a mapped stranger": { words: `ADDR=IPV6:::ffff:${stranger}`, ip: stranger },
  "nobody knows": { words: "ADDR=[UNAVAILABLE] NAME=[TEMPUNAVAIL]", ip: "0.0.0.0" },
  "the office in other words": {
    words: `HELO=${office} DESTADDR=${office} NAME=office.example ADDR=${stranger}`,
    ip: stranger,
  },
  "the office, then a stranger": { words: `ADDR=${office} ADDR=${stranger}`, ip: stranger },
  "the office": { words: `ADDR=${office}`, ip: office },
  "a login": { words: `ADDR=${stranger} LOGIN=anna`, ip: stranger, login: true },
  "no login": { words: `ADDR=${stranger} LOGIN=[UNAVAILABLE]`, ip: stranger },
};

/** Who may relay: the file of client rules, and whether it trusts the proxy's own address. */
const rules = {
  "a client rule": { rules: `${office}:allow,RELAYCLIENT=""\n:allow\n`, relayclients: "", loopback: false },
  "a rule for all of loopback": {
    rules: `127.:allow,RELAYCLIENT=""\n${office}:allow,RELAYCLIENT=""\n:allow\n`,
    relayclients: "",
    loopback: true,
  },
  "the file relayclients": { rules: ":allow\n", relayclients: `${office}\n`, loopback: false },
} as const;

interface Door {
  readonly keys: string;
  readonly proxied: boolean;
  readonly presenters: readonly string[];
  readonly login: boolean;
}
const doors: Readonly<Record<string, Door>> = {
  plain: { keys: "", proxied: false, presenters: [], login: false },
  proxied: { keys: `proxy_from = ["${proxy}"]`, proxied: true, presenters: [], login: false },
  presented: { keys: `xclient_from = ["${proxy}"]`, proxied: false, presenters: [proxy], login: false },
  believing: {
    keys: `xclient_from = ["${proxy}"]\nxclient_login = true`,
    proxied: false,
    presenters: [proxy],
    login: true,
  },
  both: {
    keys: `proxy_from = ["${proxy}"]\nxclient_from = ["192.0.2.6"]`,
    proxied: true,
    presenters: ["192.0.2.6"],
    login: false,
  },
};

const foreign = "x@elsewhere.example";

describe.each(Object.entries(rules))("with %s", (_, { rules: text, relayclients, loopback }) => {
  let hop: NextHop;
  let relay: TestRelay;
  beforeAll(async () => {
    hop = await startNextHop();
    const listeners = Object.entries(doors).map(
      ([name, { keys }]) => `[[listener]]\nname = "${name}"\nlisten = ["127.0.0.1:0"]\n${keys}\n`,
    );
    relay = await startTestRelay({
      config: `[smtp]\nlisten = ["127.0.0.1:0"]\nhostname = "mx.kontor.example"\ngreeting_delay = "0ms"\nchunking = true\nmax_connections_per_client = 1000
[clients]\nrules = "rules"\n${relayclients === "" ? "" : 'relayclients = "relayclients"\n'}[checks]\nrun = ["goodmailto"]
[[route]]\ndomain = "*"\nnext_hop = "smtp://127.0.0.1:${hop.port}"\n${listeners.join("")}`,
      files: { rules: text, relayclients },
    });
  });
  afterAll(async () => {
    await relay.stop();
    await hop.close();
  });

  /** Whether a foreign recipient is accepted. */
  async function relays(port: number, from: string, header: string, xclient: string): Promise<boolean> {
    const client = await SmtpClient.open(port, from);
    client.write(Buffer.from(header, "latin1"));
    await client.reply();
    await client.command("EHLO client.example");
    if (xclient !== "") {
      await client.command(`XCLIENT ${xclient}`);
      await client.command("EHLO client.example");
    }
    // In case that one of them was answered twice, or never: the rest is what counts.
    client.write(`RSET\r\nMAIL FROM:<s@sender.example>\r\nRCPT TO:<${foreign}>\r\nBDAT 0 LAST\r\nQUIT\r\n`);
    while ((await client.reply()) !== undefined) {
      // What they say is of no matter: the hop has the message, or not.
    }
    client.close();
    return hop.received.at(-1)?.recipients.includes(foreign) === true;
  }

  it.each(Object.keys(doors))("listener %s: a message relays if its client may, and no other does", async (name) => {
    const { proxied, presenters, login }: Omit<Door, "keys"> = doors[name] ?? {
      proxied: false,
      presenters: [],
      login: false,
    };
    const port = relay.ports[Object.keys(doors).indexOf(name)] ?? 0;
    const wrong: string[] = [];
    let relayed = 0;
    for (const from of [proxy, outside]) {
      for (const [said, header] of Object.entries(headers)) {
        for (const [by, { words, ip, login: isLogin }] of Object.entries(presented)) {
          const isBelieved = proxied && from === proxy;
          // One that is not asked for, and is a line, is an unknown command.
          const isOver = isBelieved ? header.names === "bad" : /\0/.test(header.text);
          const peer = isBelieved ? (header.names ?? from) : from;
          const mayPresent = presenters.includes(peer) && (isLogin === undefined || login);
          const client = mayPresent ? (ip ?? peer) : peer;
          const mayRelay =
            client === office || (loopback && client.startsWith("127.")) || (mayPresent && isLogin === true);
          const before = hop.received.length;
          const got =
            (await relays(port, from, isBelieved ? header.text || "EHLO none.example\r\n" : header.text, words)) &&
            hop.received.length > before;
          relayed += got ? 1 : 0;
          if (got !== (mayRelay && !isOver)) {
            wrong.push(`${from}, ${said}, ${by}: ${got ? "relays" : "does not relay"} as ${client}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    // Somebody may, or this would show nothing.
    expect(relayed > 0).toBe(loopback || name !== "plain");
  });
});
