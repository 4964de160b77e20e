/**
 * A small real name server on loopback, UDP and TCP on one port: what it holds, how it misbehaves and what it
 * was asked are the test's. A name without records is NXDOMAIN, one with records of another type is empty.
 */
import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

import { readQuery, recordTypes, writeAnswer } from "./dns-message.ts";
import type { DnsQuery, DnsRecord, Rcode, RecordType } from "./dns-message.ts";

/** How a name is answered, instead of or beside its records. */
export interface Behaviour {
  /** This code, whatever records there are. */
  readonly rcode?: Rcode;
  /** Never answered. */
  readonly drop?: boolean;
  /** ms to wait before the answer. */
  readonly delay?: number;
  /** Over UDP truncated, so that the client comes again by TCP. */
  readonly truncate?: boolean;
  /** Before the answer come garbage, the same answer under another id, and one to another question. */
  readonly lies?: boolean;
  /** Answers FORMERR to a query with EDNS, as servers from before 1999 do. */
  readonly withoutEdns?: boolean;
  /** With an answer that has no records: an SOA record with this TTL and minimum. */
  readonly soa?: { readonly ttl: number; readonly minimum: number };
  /** Over TCP the answer breaks off in the middle. */
  readonly cut?: boolean;
}

/** One question that came in. */
export interface Asked {
  readonly name: string;
  readonly type: string;
  readonly over: "udp" | "tcp";
}

/** A TCP client may send so much that is not yet a whole message. */
const maxPending = 65_537;

export class FakeDns {
  readonly port: number;
  /** `127.0.0.1:port`, as settings want it. */
  readonly server: string;
  /** Every question in order, also those that were dropped. */
  readonly asked: Asked[] = [];
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #clients = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #records = new Map<string, DnsRecord[]>();
  readonly #behaviour = new Map<string, Behaviour>();

  constructor(udp: UdpSocket, tcp: Server) {
    this.port = udp.address().port;
    this.server = `127.0.0.1:${this.port}`;
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on("message", (message, from) => this.#overUdp(message, from));
    tcp.on("connection", (client) => this.#overTcp(client));
  }

  /** Adds a record. `data`: an address, a name, `10 name` for MX, text for TXT. */
  add(name: string, type: RecordType, data: string, ttl = 60): void {
    const key = name.toLowerCase();
    const records = this.#records.get(key) ?? [];
    records.push({ name: key, type, data, ttl });
    this.#records.set(key, records);
  }

  /** Forgets the records and the behaviour of a name. */
  remove(name: string): void {
    this.#records.delete(name.toLowerCase());
    this.#behaviour.delete(name.toLowerCase());
  }

  /** Sets how a name is answered; `*` is every name without a behaviour of its own. */
  behave(name: string, behaviour: Behaviour): void {
    this.#behaviour.set(name.toLowerCase(), behaviour);
  }

  /** How often a name was asked for, of one type or of any. */
  count(name: string, type?: RecordType): number {
    return this.asked.filter((one) => one.name === name.toLowerCase() && (type === undefined || one.type === type))
      .length;
  }

  /** Ends the server and every connection. */
  async close(): Promise<void> {
    for (const timer of this.#timers) {
      clearTimeout(timer);
    }
    for (const client of this.#clients) {
      client.destroy();
    }
    const closed = [once(this.#udp, "close"), once(this.#tcp, "close")];
    this.#udp.close();
    this.#tcp.close();
    await Promise.all(closed);
  }

  #overUdp(message: Buffer, from: RemoteInfo): void {
    this.#answer(message, "udp", (answer, { lies }) => {
      for (const one of lies === true ? [...liesAbout(answer), answer] : [answer]) {
        this.#udp.send(one, from.port, from.address);
      }
    });
  }

  /** Messages over TCP have their length in front, RFC 1035 4.2.2. */
  #overTcp(client: Socket): void {
    let pending = Buffer.alloc(0);
    this.#clients.add(client);
    client.on("close", () => this.#clients.delete(client));
    client.on("error", () => client.destroy());
    client.on("data", (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        this.#answer(pending.subarray(2, end), "tcp", (answer, { cut }) => {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          const whole = Buffer.concat([length, answer]);
          if (cut === true) {
            client.end(whole.subarray(0, -5));
          } else {
            client.write(whole);
          }
        });
        pending = pending.subarray(end);
      }
      if (pending.length > maxPending) {
        client.destroy();
      }
    });
  }

  #answer(message: Buffer, over: "udp" | "tcp", send: (answer: Buffer, behaviour: Behaviour) => void): void {
    const query = readQuery(message);
    if (query === undefined) {
      return;
    }
    this.asked.push({ name: query.name, type: typeName(query.type), over });
    const behaviour = this.#behaviour.get(query.name) ?? this.#behaviour.get("*") ?? {};
    if (behaviour.drop === true) {
      return;
    }
    const answer = this.#compose(message, query, behaviour, over === "udp");
    if (behaviour.delay === undefined) {
      send(answer, behaviour);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send(answer, behaviour);
    }, behaviour.delay);
    this.#timers.add(timer);
  }

  #compose(message: Buffer, query: DnsQuery, behaviour: Behaviour, udp: boolean): Buffer {
    const { rcode, truncate, withoutEdns, soa } = behaviour;
    if (withoutEdns === true && message.readUInt16BE(10) > 0) {
      return writeAnswer(message, query, "FORMERR", [], false);
    }
    const held = this.#records.get(query.name);
    if (rcode !== undefined) {
      const aliases = held?.filter(({ type }) => type === "CNAME") ?? [];
      return writeAnswer(message, query, rcode, aliases, false);
    }
    if (held === undefined) {
      const above = [...this.#records.keys()].some((name) => name.endsWith(`.${query.name}`));
      return writeAnswer(message, query, above ? "NOERROR" : "NXDOMAIN", [], false, soa);
    }
    const records = held.filter(({ type }) => recordTypes[type] === query.type || type === "CNAME");
    const negative = records.length === 0 ? soa : undefined;
    const answer = writeAnswer(message, query, "NOERROR", records, truncate === true && udp, negative);
    // RFC 1035 4.2.1: 512 bytes is what a client without EDNS takes over UDP.
    return udp && answer.length > 512 ? writeAnswer(message, query, "NOERROR", records, true) : answer;
  }
}

/** Bytes that are no answer to the question that an answer is to. */
function liesAbout(answer: Buffer): Buffer[] {
  const otherId = Buffer.from(answer);
  otherId.writeUInt16BE(answer.readUInt16BE(0) ^ 1, 0);
  const otherName = Buffer.from(answer);
  otherName.writeUInt8(0x7a, 13);
  return [Buffer.from("garbage"), otherId, otherName, answer.subarray(0, 20)];
}

function typeName(type: number): string {
  return Object.entries(recordTypes).find(([, number]) => number === type)?.[0] ?? String(type);
}

/**
 * Starts a server on a free port of 127.0.0.1.
 * @throws Error if no port is free for both UDP and TCP
 */
export async function startDns(): Promise<FakeDns> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const udp = createSocket("udp4");
    udp.bind(0, "127.0.0.1");
    await once(udp, "listening");
    const tcp = createServer();
    const listening = once(tcp, "listening").then(
      () => true,
      () => false,
    );
    tcp.listen(udp.address().port, "127.0.0.1");
    if (await listening) {
      return new FakeDns(udp, tcp);
    }
    // Another program has that port for TCP.
    udp.close();
  }
  throw new Error("Cannot start name server: no port is free for both UDP and TCP");
}
