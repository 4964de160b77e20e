/** A client of each protocol, which asks for one address after another on one connection and says what it heard in one word. */
import { once } from "node:events";
import { Agent, request } from "node:http";
import type { IncomingMessage } from "node:http";
import { text as bodyOf } from "node:stream/consumers";

import { offer } from "../../src/milter/commands.ts";
import { allOf, wishes } from "../../src/milter/bits.ts";
import { packet, takePacket, text } from "../../src/milter/packet.ts";
import type { LookupProtocol } from "../../src/report/counters.ts";
import { netstring, policyQuestion, Wire } from "./scene.ts";

/** What a mail server would do: take the recipient, refuse it for good, or for now. */
export type Heard = "accept" | "refuse" | "later";

/** Asks about an address as RCPT has it, without brackets; latin1. */
export interface Asker {
  ask(address: string, sender: string): Promise<Heard>;
  close(): void;
}

/** The user part without its quotes, as Postfix passes it inside. */
function unquoted(address: string): string {
  const at = address.lastIndexOf("@");
  const user = at < 0 ? address : address.slice(0, at);
  const rest = at < 0 ? "" : address.slice(at);
  return (/^".*"$/s.test(user) ? user.slice(1, -1).replace(/\\(.)/gs, "$1") : user) + rest;
}

const heardOf = (code: string | undefined): Heard =>
  code === undefined || code === "2" ? "accept" : code === "4" ? "later" : "refuse";

async function onWire(
  port: number,
  ask: (wire: Wire, address: string, sender: string) => Promise<Heard>,
): Promise<Asker> {
  const wire = await Wire.open({ port, host: "127.0.0.1" });
  return { ask: (address, sender) => ask(wire, address, sender), close: () => wire.close() };
}

function socketmap(port: number): Promise<Asker> {
  return onWire(port, async (wire, address) => {
    wire.write(netstring(`x ${address}`));
    const said = await wire.until(/^\d+:(?:OK .*|NOTFOUND |TEMP .*),$/s);
    return said.includes(":OK ") ? "accept" : said.includes(":TEMP ") ? "later" : "refuse";
  });
}

function tcp(port: number): Promise<Asker> {
  return onWire(port, async (wire, address) => {
    const key = address.replace(/[^\x21-\x24\x26-\x7e]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
    wire.write(`get ${key}\n`);
    const said = await wire.until(/^\d{3} .*\n$/);
    return said.startsWith("2") ? "accept" : said.startsWith("4") ? "later" : "refuse";
  });
}

function policy(port: number): Promise<Asker> {
  return onWire(port, async (wire, address, sender) => {
    wire.write(policyQuestion({ recipient: unquoted(address), sender, client_address: "192.0.2.1" }));
    const said = await wire.until(/^action=.*\n\n$/);
    return heardOf(/^action=(\d)/.exec(said)?.[1]);
  });
}

function exim(port: number): Asker {
  return {
    ask: async (address) => {
      const wire = await Wire.open({ port, host: "127.0.0.1" });
      wire.socket.end(address, "latin1");
      const said = await wire.rest();
      wire.close();
      if (said === "") {
        throw new Error("closed without an answer");
      }
      return said === "known\n" || said === "no-snapshot\n" ? "accept" : said === "later\n" ? "later" : "refuse";
    },
    close: () => undefined,
  };
}

async function milter(port: number): Promise<Asker> {
  const wire = await Wire.open({ port, host: "127.0.0.1" });
  const say = (data: Buffer): void => wire.write(data.toString("latin1"));
  const hear = async () => {
    for (let octets = 5; ;) {
      const said = Buffer.from(await wire.octets(octets), "latin1");
      const taken = takePacket(said);
      if (taken !== undefined) {
        return taken.packet;
      }
      octets = 4 + said.readUInt32BE(0);
      wire.unread(said.toString("latin1"));
    }
  };
  say(offer(6, 0x1ff, allOf(wishes)));
  const agreed = await hear();
  if (agreed.letter !== "O") {
    throw new Error(`no negotiation: ${agreed.letter}`);
  }
  const address4 = Buffer.concat([text("client.example"), Buffer.from("4"), Buffer.from([0, 25]), text("192.0.2.1")]);
  say(packet("C", address4));
  return {
    ask: async (address, sender) => {
      say(packet("M", text(`<${sender}>`)));
      say(packet("R", text(`<${address}>`)));
      const { letter, data } = await hear();
      say(packet("A"));
      return letter === "y" ? heardOf(data.toString("latin1", 0, 1)) : letter === "c" ? "accept" : "refuse";
    },
    close: () => wire.close(),
  };
}

/** Asks on one connection; `fetch` would take most of the time of a test. */
function getter(port: number): { get(path: string): Promise<string>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    get: async (path) => {
      const asked = request({ agent, port, host: "127.0.0.1", path }).end();
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      return bodyOf(response);
    },
    close: () => agent.destroy(),
  };
}

function qd1(port: number): Asker {
  const { get, close } = getter(port);
  return {
    ask: async (address) => {
      const query = encodeURIComponent(address);
      const code = Number(await get(`/qd1/deliverable?${query}`));
      return code === 0 ? "refuse" : code === 33 ? "later" : "accept";
    },
    close,
  };
}

function http(port: number): Asker {
  const { get, close } = getter(port);
  return {
    ask: async (address, sender) => {
      const query = `client=192.0.2.1&sender=${encodeURIComponent(sender)}`;
      const said = await get(`/v1/recipient/${encodeURIComponent(address)}?${query}`);
      const { reply, verdict } = JSON.parse(said) as { reply: string; verdict: string };
      return verdict === "foreign" ? "accept" : heardOf(reply.slice(0, 1));
    },
    close,
  };
}

const makers = { socketmap, policy, tcp, milter, exim, qd1, http };

/** A client of a protocol. */
export async function askerOf(protocol: LookupProtocol, port: number): Promise<Asker> {
  return makers[protocol](port);
}
