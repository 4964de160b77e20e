/**
 * A small LDAP server that says what a test wants, byte for byte: for what a real one cannot be brought to say.
 * RFC 4511 messages written with ldapts' BER; the test answers each request by a function.
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

import {
  BerReader,
  BerWriter,
  BindRequest,
  Control,
  ExtendedRequest,
  PagedResultsControl,
  PresenceFilter,
  SearchRequest,
} from "ldapts";

import { createFramer } from "../../sync/sources/framer.ts";
import { messagesOf } from "./ldap-messages.ts";

export const pagedResults = PagedResultsControl.type;
export const domainScope = "1.2.840.113556.1.4.1339";
const operations = { bind: 0x60, unbind: 0x42, search: 0x63, extended: 0x77 } as const;

/** What the client asked. */
export type Question =
  | { readonly kind: "bind"; readonly dn: string; readonly password: string }
  | { readonly kind: "extended"; readonly oid: string }
  | {
      readonly kind: "search";
      readonly base: string;
      readonly scope: string;
      readonly attributes: readonly string[];
      readonly sizeLimit: number;
      readonly timeLimit: number;
      /** Undefined: no page control. Number from 1: how many pages of this connection were asked for, this one too. */
      readonly page:
        | { readonly size: number; readonly cookie: string; readonly critical: boolean; readonly number: number }
        | undefined;
      readonly domainScope: boolean;
    };

/** What a server can say. All of it is written in order. */
export interface Say {
  entry(dn: string, attributes: Readonly<Record<string, readonly string[]>>): void;
  /** People number `from` to `to` (exclusive) with mail userN@kontor.example. */
  people(from: number, to: number): void;
  reference(url: string): void;
  /** Ends a search; a cookie (may be "") comes in a page control. */
  done(code: number, cookie?: string, id?: number): void;
  bound(code: number): void;
  extended(code: number, id?: number): void;
  raw(bytes: Buffer): void;
  /** Closes the connection without more. */
  cut(): void;
  /** Resets it. */
  reset(): void;
  readonly socket: Socket;
}

export interface Script {
  readonly url: string;
  readonly port: number;
  /** Everything that was asked, over all connections. */
  readonly asked: readonly Question[];
  readonly connections: number;
  stop(): Promise<void>;
}

/** Starts a server on loopback. Binds succeed, and the root DSE offers paging, unless the test answers them itself. */
export async function startScript(answer: (question: Question, say: Say) => void): Promise<Script> {
  const asked: Question[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    // Many small answers: Nagle would wait 40 ms at each page.
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    serve(socket, asked, answer);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `ldap://127.0.0.1:${port}`,
    port,
    asked,
    get connections() {
      return connections;
    },
    async stop() {
      for (const socket of sockets) {
        socket.destroy();
      }
      server.close();
      await once(server, "close");
    },
  };
}

function serve(socket: Socket, asked: Question[], answer: (question: Question, say: Say) => void): void {
  const framer = createFramer();
  let pages = 0;
  socket.on("data", (chunk: Buffer) => {
    let messages: Buffer[] = [];
    try {
      messages = messagesOf(framer.push(chunk));
    } catch {
      // TLS or rubbish: a plain server hangs up.
      socket.destroy();
    }
    for (const message of messages) {
      const { id, question } = readQuestion(message, pages);
      if (question === undefined) {
        socket.end();
        continue;
      }
      pages = question.kind === "search" ? (question.page?.number ?? pages) : pages;
      asked.push(question);
      answer(question, speak(socket, id));
    }
  });
}

function readQuestion(message: Buffer, pages: number): { id: number; question: Question | undefined } {
  const reader = new BerReader(message);
  reader.readSequence();
  const id = reader.readInt() ?? 0;
  const operation: number = reader.peek() ?? 0;
  reader.readSequence();
  switch (operation) {
    case operations.bind: {
      const request = new BindRequest({ messageId: id });
      try {
        request.parse(reader, []);
      } catch {
        return { id, question: { kind: "bind", dn: "SASL", password: "" } };
      }
      return { id, question: { kind: "bind", dn: request.dn, password: request.password } };
    }
    case operations.extended: {
      const request = new ExtendedRequest({ messageId: id });
      request.parse(reader, []);
      return { id, question: { kind: "extended", oid: request.oid } };
    }
    case operations.search:
      return { id, question: readSearch(reader, id, pages) };
    default:
      return { id, question: undefined };
  }
}

function readSearch(reader: BerReader, id: number, pages: number): Question {
  const request = new SearchRequest({ messageId: id, filter: new PresenceFilter({ attribute: "objectClass" }) });
  request.parse(reader, [new Control(domainScope)]);
  const control = request.controls?.find((other) => other instanceof PagedResultsControl);
  const { baseDN: base, scope, attributes, sizeLimit, timeLimit } = request;
  const page =
    control?.value === undefined
      ? undefined
      : {
          size: control.value.size,
          cookie: control.value.cookie?.toString("latin1") ?? "",
          critical: control.critical,
          number: pages + 1,
        };
  const scoped = request.controls?.some(({ type }) => type === domainScope) ?? false;
  return { kind: "search", base, scope, attributes, sizeLimit, timeLimit, page, domainScope: scoped };
}

/** One LDAP message. */
export function message(id: number, write: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  write(writer);
  writer.endSequence();
  return writer.buffer;
}

/** A search result entry. */
export function entryMessage(id: number, dn: string, attributes: Readonly<Record<string, readonly string[]>>): Buffer {
  return message(id, (writer) => {
    writer.startSequence(0x64);
    writer.writeString(dn);
    writer.startSequence();
    for (const [name, values] of Object.entries(attributes)) {
      writer.startSequence();
      writer.writeString(name);
      writer.startSequence(0x31);
      for (const value of values) {
        writer.writeString(value);
      }
      writer.endSequence();
      writer.endSequence();
    }
    writer.endSequence();
    writer.endSequence();
  });
}

function resultMessage(id: number, tag: number, code: number, cookie?: string): Buffer {
  return message(id, (writer) => {
    writer.startSequence(tag);
    writer.writeEnumeration(code);
    writer.writeString("");
    writer.writeString(code === 0 ? "" : "scripted");
    writer.endSequence();
    if (cookie !== undefined) {
      writer.startSequence(0xa0);
      new PagedResultsControl({ value: { size: 0, cookie: Buffer.from(cookie, "latin1") } }).write(writer);
      writer.endSequence();
    }
  });
}

function speak(socket: Socket, id: number): Say {
  const write = (bytes: Buffer): void => void (socket.writable && socket.write(bytes));
  const say: Say = {
    socket,
    entry: (dn, attributes) => write(entryMessage(id, dn, attributes)),
    people(from, to) {
      const parts: Buffer[] = [];
      for (let number = from; number < to; number += 1) {
        const mail = `user${number}@kontor.example`;
        parts.push(entryMessage(id, `uid=user${number},o=Kontor`, { objectClass: ["inetOrgPerson"], mail: [mail] }));
      }
      write(Buffer.concat(parts));
    },
    reference: (url) =>
      write(
        message(id, (writer) => {
          writer.startSequence(0x73);
          writer.writeString(url);
          writer.endSequence();
        }),
      ),
    done: (code, cookie, other = id) => write(resultMessage(other, 0x65, code, cookie)),
    bound: (code) => write(resultMessage(id, 0x61, code)),
    extended: (code, other = id) => write(resultMessage(other, 0x78, code)),
    raw: write,
    cut: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
  };
  return say;
}

/** Answers the question for the root DSE as a server that offers, or does not offer, pages. */
export function sayRootDse(say: Say, offersPages: boolean): void {
  say.entry("", { objectClass: ["top"], supportedControl: offersPages ? [pagedResults] : ["1.2.3.4"] });
  say.done(0);
}
