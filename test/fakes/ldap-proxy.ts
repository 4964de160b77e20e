/**
 * A proxy between an LDAP client and a real server that spoils answers: at entry, at page and at byte granularity.
 * What it does not spoil goes through as it came. RFC 4511 messages, cut by the project's own framer.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

import { PagedResultsControl } from "ldapts";

import { readElements, readInteger, readText } from "../../src/demo/ber.ts";
import { createFramer } from "../../sync/sources/framer.ts";
import { message } from "./ldap-script.ts";
import { messagesOf } from "./ldap-messages.ts";

/** What is spoilt. Entries and pages count from 1 over one connection, the searches for the root DSE aside. */
export type LdapFault =
  /** Connections are reset at once. */
  | { readonly kind: "refuse" }
  /** Connections are taken, and nothing is ever answered. */
  | { readonly kind: "hang" }
  /** After this entry nothing comes any more; the connection stays open. */
  | { readonly kind: "stall-entry"; readonly entry: number }
  /** After so many bytes the connection ends. */
  | { readonly kind: "cut-bytes"; readonly bytes: number }
  /** After this entry the connection ends, is reset, or ends with half of it sent. */
  | { readonly kind: "cut-entry" | "rst-entry" | "half-entry"; readonly entry: number }
  /** The page ends with this code instead of its own. */
  | { readonly kind: "code"; readonly page: number; readonly code: number }
  /** After this entry the server says that this was all. */
  | { readonly kind: "done-early"; readonly entry: number }
  /** The page ends with success and without the page control. */
  | { readonly kind: "no-cookie"; readonly page: number }
  /** Entries for which it is true are left out. */
  | { readonly kind: "drop-entry"; readonly drop: (entry: number) => boolean }
  /** Success, and no entry. */
  | { readonly kind: "empty" }
  /** Every page is the first one again, with its cookie. */
  | { readonly kind: "same-cookie" }
  /** Every entry comes twice. */
  | { readonly kind: "dup" }
  /** The entries of a page come backwards. */
  | { readonly kind: "reorder" }
  /** In place of this entry: these bytes, and the connection stays open. */
  | { readonly kind: "bytes"; readonly entry: number; readonly bytes: Buffer }
  /** A continuation reference before this page's end. */
  | { readonly kind: "referral"; readonly page: number }
  /** The bind is answered with this code. */
  | { readonly kind: "bind-fail"; readonly code: number }
  /** In place of this entry: the notice of disconnection (RFC 4511 4.4.1), then the end. */
  | { readonly kind: "notice"; readonly entry: number };

/** A running proxy. */
export interface LdapProxy {
  readonly url: string;
  /** May be changed at any time; a connection keeps the error that it began with. */
  fault: LdapFault | undefined;
  /** Entries that the client got through it, over all connections. */
  readonly passed: number;
  stop(): Promise<void>;
}

const tag = { bindRequest: 0x60, search: 0x63, bindResponse: 0x61, entry: 0x64, done: 0x65 } as const;

/** Starts one in front of a server at this port of loopback. */
export async function startLdapProxy(port: number): Promise<LdapProxy> {
  const sockets = new Set<Socket>();
  const proxy = { fault: undefined as LdapFault | undefined, passed: 0 };
  const keep = (socket: Socket): void => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
  };
  const server = createServer((client) => {
    keep(client);
    const { fault } = proxy;
    if (fault?.kind === "refuse") {
      client.resetAndDestroy();
      return;
    }
    if (fault?.kind === "hang") {
      client.resume();
      return;
    }
    const upstream = connect(port, "127.0.0.1");
    keep(upstream);
    relay(client, upstream, fault, () => (proxy.passed += 1));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(proxy, {
    url: `ldap://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, "close");
    },
  });
}

/** Both directions of one connection. */
function relay(client: Socket, upstream: Socket, fault: LdapFault | undefined, pass: () => void): void {
  const spoiler = new Spoiler(client, fault, pass);
  const [asked, answered] = [createFramer(), createFramer()];
  client.on("data", (chunk: Buffer) => {
    try {
      for (const request of messagesOf(asked.push(chunk))) {
        spoiler.asks(request);
        upstream.write(request);
      }
    } catch {
      // No LDAP: a server hangs up.
      client.destroy();
    }
  });
  upstream.on("data", (chunk: Buffer) => messagesOf(answered.push(chunk)).forEach((answer) => spoiler.answers(answer)));
  client.on("close", () => upstream.destroy());
  upstream.on("close", () => client.end());
}

class Spoiler {
  readonly #client: Socket;
  readonly #fault: LdapFault | undefined;
  readonly #pass: () => void;
  /** Message ids of searches that are for entries. */
  readonly #searches = new Set<number>();
  #page = 0;
  #entry = 0;
  #bytes = 0;
  /** Nothing is sent any more. */
  #silent = false;
  /** Entries of a page that wait for its end. */
  #held: Buffer[] = [];
  /** The first page as it went out, without message ids. */
  #first: { tag: number; content: Buffer; controls: Buffer[] }[] = [];

  constructor(client: Socket, fault: LdapFault | undefined, pass: () => void) {
    this.#client = client;
    this.#fault = fault;
    this.#pass = pass;
  }

  asks(request: Buffer): void {
    const [id, operation] = partsOf(request);
    if (operation?.tag === tag.search) {
      const [base, scope] = readElements(operation.content);
      if (readText(base) !== "" || readInteger(scope, 0x0a) !== 0) {
        this.#searches.add(readInteger(id));
        this.#page += 1;
      }
    }
  }

  answers(answer: Buffer): void {
    const [first, operation] = partsOf(answer);
    const id = readInteger(first);
    if (operation?.tag === tag.bindResponse && this.#fault?.kind === "bind-fail") {
      this.#send(resultMessage(id, tag.bindResponse, this.#fault.code));
    } else if (!this.#searches.has(id) || this.#fault === undefined) {
      this.#send(answer, operation?.tag === tag.entry);
    } else if (operation?.tag === tag.entry) {
      this.#entry += 1;
      this.#spoilEntry(id, answer);
    } else if (operation?.tag === tag.done) {
      this.#spoilDone(id, answer);
    } else {
      this.#send(answer);
    }
  }

  #spoilEntry(id: number, answer: Buffer): void {
    const fault = this.#fault;
    switch (fault?.kind) {
      case "stall-entry":
      case "cut-entry":
      case "rst-entry":
      case "half-entry":
      case "done-early":
        return this.#spoilAt(fault.kind, fault.entry, id, answer);
      case "bytes":
      case "notice":
        if (this.#entry < fault.entry) {
          return this.#send(answer, true);
        }
        this.#send(fault.kind === "bytes" ? fault.bytes : noticeMessage());
        this.#silent = true;
        return fault.kind === "notice" ? void this.#client.end() : undefined;
      case "drop-entry":
        return fault.drop(this.#entry) ? undefined : this.#send(answer, true);
      case "empty":
        return undefined;
      case "dup":
        this.#send(answer, true);
        return this.#send(answer, true);
      case "reorder":
        return void this.#held.unshift(answer);
      case "same-cookie":
        return this.#remember(answer);
      case "refuse":
      case "hang":
      case "cut-bytes":
      case "code":
      case "no-cookie":
      case "referral":
      case "bind-fail":
      case undefined:
        return this.#send(answer, true);
    }
  }

  #spoilAt(
    kind: "stall-entry" | "cut-entry" | "rst-entry" | "half-entry" | "done-early",
    at: number,
    id: number,
    answer: Buffer,
  ): void {
    const half = kind === "half-entry" && this.#entry === at;
    this.#send(half ? answer.subarray(0, answer.length / 2) : answer, !half);
    if (this.#entry < at) {
      return;
    }
    if (kind === "done-early") {
      this.#send(resultMessage(id, tag.done, 0, ""));
    }
    this.#silent = true;
    if (kind === "cut-entry" || kind === "half-entry") {
      this.#client.end();
    } else if (kind === "rst-entry") {
      this.#client.resetAndDestroy();
    }
  }

  #spoilDone(id: number, answer: Buffer): void {
    const fault = this.#fault;
    const here = fault !== undefined && "page" in fault && fault.page === this.#page;
    if (here && fault.kind !== "referral") {
      return this.#send(resultMessage(id, tag.done, fault.kind === "code" ? fault.code : 0));
    }
    if (here) {
      this.#send(referenceMessage(id));
    } else if (fault?.kind === "empty") {
      return this.#send(resultMessage(id, tag.done, 0, ""));
    } else if (fault?.kind === "reorder") {
      this.#held.splice(0).forEach((entry) => this.#send(entry, true));
    } else if (fault?.kind === "same-cookie") {
      this.#remember(answer);
      return this.#replay(id);
    }
    this.#send(answer);
  }

  #remember(answer: Buffer): void {
    const [, operation, ...controls] = partsOf(answer);
    if (this.#page === 1 && operation !== undefined) {
      this.#first.push({ ...operation, controls: controls.map(({ content }) => content) });
    }
  }

  #replay(id: number): void {
    for (const { tag: what, content, controls } of this.#first) {
      const whole = message(id, (writer) => {
        writer.writeBuffer(content, what);
        controls.forEach((control) => writer.writeBuffer(control, 0xa0));
      });
      this.#send(whole, what === tag.entry);
    }
  }

  #send(bytes: Buffer, entry = false): void {
    if (this.#silent || !this.#client.writable) {
      return;
    }
    const left = this.#fault?.kind === "cut-bytes" ? this.#fault.bytes - this.#bytes : bytes.length;
    this.#bytes += bytes.length;
    this.#client.write(bytes.subarray(0, left));
    if (left < bytes.length) {
      this.#silent = true;
      this.#client.end();
    } else if (entry) {
      this.#pass();
    }
  }
}

function partsOf(bytes: Buffer): ReturnType<typeof readElements> {
  return readElements(readElements(bytes)[0]?.content ?? Buffer.alloc(0));
}

function resultMessage(id: number, what: number, code: number, cookie?: string): Buffer {
  return message(id, (writer) => {
    writer.startSequence(what);
    writer.writeEnumeration(code);
    writer.writeString("");
    writer.writeString(code === 0 ? "" : "spoilt by the proxy");
    writer.endSequence();
    if (cookie !== undefined) {
      writer.startSequence(0xa0);
      new PagedResultsControl({ value: { size: 0, cookie: Buffer.from(cookie, "latin1") } }).write(writer);
      writer.endSequence();
    }
  });
}

function referenceMessage(id: number): Buffer {
  return message(id, (writer) => {
    writer.startSequence(0x73);
    writer.writeString("ldap://elsewhere.example/ou=people,o=Kontor??sub");
    writer.endSequence();
  });
}

function noticeMessage(): Buffer {
  return message(0, (writer) => {
    writer.startSequence(0x78);
    writer.writeEnumeration(52);
    writer.writeString("");
    writer.writeString("going down");
    writer.writeString("1.3.6.1.4.1.1466.20036", 0x8a);
    writer.endSequence();
  });
}
