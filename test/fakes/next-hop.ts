/**
 * A scripted next hop: a real SMTP or LMTP server that records what it is given and answers as it is told.
 * RFC 5321, 1870, 2033, 2920, 3207, 3461, 6152, 6531. What the client does wrong is noted in `violations`, not tolerated in silence.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { TLSSocket } from "node:tls";
import type { AddressInfo, Server, Socket } from "node:net";

import { unstuff, Wire } from "./smtp-wire.ts";

/** The moments at which it speaks. `content` is within DATA, see {@link NextHopScript.content}. */
export type Stage =
  | "greeting"
  | "ehlo"
  | "helo"
  | "starttls"
  | "mail"
  | "rcpt"
  | "data"
  | "dot"
  | "rset"
  | "noop"
  | "xclient"
  | "xforward"
  | "quit";

/** What it does at a stage. */
export type Answer =
  /** A reply; lines are separated by `\n`, each gets CRLF. */
  | string
  /** Exactly these bytes (text is latin1), and nothing more. */
  | { readonly bytes: string | Buffer }
  /** Nothing, for ever. */
  | { readonly hang: true }
  /** Ends the connection, with an orderly end or a reset; `first` is a reply before it. */
  | { readonly drop: "fin" | "rst"; readonly first?: string }
  /** Repeats this line until the client goes; `bare` has no line endings: one line that never ends. */
  | { readonly endless: string; readonly bare?: boolean }
  /** A reply byte by byte, so many ms apart. */
  | { readonly slowly: string; readonly pause: number }
  /** A reply after so many ms. */
  | { readonly later: number; readonly reply: string };

/** What a scripted answer may depend on. */
export interface Moment {
  /** From 1, over all of the server's life. */
  readonly connection: number;
  /** From 1, MAIL commands in this connection; 0 before the first. */
  readonly transaction: number;
  /** The command line without CRLF; "" at greeting and dot. */
  readonly line: string;
  /** The address at mail, rcpt, and dot with LMTP. */
  readonly address: string;
  readonly tls: boolean;
}

/** May be changed while it runs; the next command sees it. */
export interface NextHopScript {
  /** By stage; a function may answer undefined for "as usual". */
  answers?: Partial<Record<Stage, Answer | ((moment: Moment) => Answer | undefined)>>;
  /** By recipient. */
  recipients?: Record<string, Answer>;
  /** After so many bytes of a message: an answer, or it stops to read (`deaf`). */
  content?: { readonly after: number; readonly answer: Answer | { readonly deaf: true } } | undefined;
  /** EHLO keywords. STARTTLS is added if there is `tls`. */
  keywords?: readonly string[];
  tls?: { readonly key: string | Buffer; readonly cert: string | Buffer } | undefined;
  /** TLS before the greeting. */
  implicitTls?: boolean;
  /** It speaks LMTP: an answer to the final dot for each recipient. */
  lmtp?: boolean;
  /** Where it listens, beside a free port of 127.0.0.1. */
  at?: { readonly host: string; readonly port: number };
  /** The path of its socket; none: a port. */
  path?: string;
  /** Does not announce STARTTLS although there is `tls`. */
  hideStartTls?: boolean;
  /** After so many connections it listens no more: further ones are refused by the kernel. */
  refuseAfter?: number;
}

/** A message that came whole. */
export interface Received {
  readonly connection: number;
  readonly tls: boolean;
  readonly helo: string;
  readonly sender: string;
  /** Parameters of MAIL as they came, such as `SIZE=1000`. */
  readonly parameters: string;
  /** Those that were answered 2xx. */
  readonly recipients: readonly string[];
  /** Parameters of their RCPT commands as they came. */
  readonly rcptParameters: readonly string[];
  /** Of XCLIENT and XFORWARD, as they hold for this message: "ADDR=192.0.2.1". */
  readonly attributes: readonly string[];
  /** Without dot-stuffing and final dot. */
  readonly message: Buffer;
  /** As it came over the wire, with the final dot. */
  readonly raw: Buffer;
  /** First line of what was answered; "" until then, and where nothing was. */
  readonly answer: string;
  /** The recipients that got a 2xx: with LMTP they alone have the message. */
  readonly taken: readonly string[];
}

/** The running server. */
export interface NextHop {
  readonly host: string;
  readonly port: number;
  readonly script: NextHopScript;
  /** Messages that came whole, whatever was answered. */
  readonly received: readonly Received[];
  /** Messages that broke off, as they came. */
  readonly partial: readonly Buffer[];
  /** Command lines by connection. */
  readonly commands: readonly (readonly string[])[];
  /** What the client did against the protocol. */
  readonly violations: readonly string[];
  /** Connections so far. */
  readonly connections: number;
  /** Open sockets. */
  readonly open: number;
  /** Octets written to all connections so far, below TLS. */
  readonly written: number;
  /** Resolves when the test holds; asked at every change. @throws Error after `ms` */
  until(test: () => boolean, ms?: number): Promise<void>;
  /** Closes the listening socket (further connections are refused) or opens it again at the same port. */
  listen(on: boolean): Promise<void>;
  /** Resets all open connections. */
  reset(): void;
  close(): Promise<void>;
}

const usual: Readonly<Record<Stage, string>> = {
  greeting: "220 hop.example ESMTP",
  ehlo: "250",
  helo: "250 hop.example",
  starttls: "220 2.0.0 Go ahead",
  mail: "250 2.1.0 Sender ok",
  rcpt: "250 2.1.5 Recipient ok",
  data: "354 End with a dot",
  dot: "250 2.0.0 Accepted",
  rset: "250 2.0.0 Reset",
  noop: "250 2.0.0 Ok",
  xclient: "220 hop.example ESMTP",
  xforward: "250 2.0.0 Ok",
  quit: "221 2.0.0 Bye",
};
const defaultKeywords = ["PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES"];

/** Starts a next hop on a free port. */
export async function startNextHop(script: NextHopScript = {}): Promise<NextHop> {
  const hop = new Hop(script);
  await hop.listen(true);
  return hop;
}

class Hop implements NextHop {
  readonly host: string;
  port: number;
  readonly script: NextHopScript;
  readonly received: Received[] = [];
  readonly partial: Buffer[] = [];
  readonly commands: string[][] = [];
  readonly violations: string[] = [];
  connections = 0;
  readonly #sockets = new Set<Socket>();
  /** By connections that are closed. */
  #written = 0;
  readonly #watchers = new Set<() => void>();
  #server: Server | undefined;

  constructor(script: NextHopScript) {
    this.script = script;
    this.host = script.at?.host ?? "127.0.0.1";
    this.port = script.at?.port ?? 0;
  }

  get open(): number {
    return this.#sockets.size;
  }

  get written(): number {
    return [...this.#sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, this.#written);
  }

  async listen(on: boolean): Promise<void> {
    if (!on) {
      this.#server?.close();
      this.#server = undefined;
      return;
    }
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    const { path } = this.script;
    this.#server.listen(path === undefined ? { port: this.port, host: this.host } : { path });
    await once(this.#server, "listening");
    this.port = path === undefined ? (this.#server.address() as AddressInfo).port : 0;
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#written += socket.bytesWritten;
      this.changed();
    });
    if (this.script.refuseAfter !== undefined && this.connections >= this.script.refuseAfter) {
      void this.listen(false);
    }
    this.commands.push([]);
    // It never rejects: every error of a session ends its socket.
    void new HopSession(this, socket, this.connections).run().catch((fault: unknown) => {
      this.violations.push(`fault in the fake: ${String(fault)}`);
      socket.destroy();
    });
    this.changed();
  }

  /** Tells those who wait that something has happened. */
  changed(): void {
    for (const watcher of this.#watchers) {
      watcher();
    }
  }

  until(test: () => boolean, ms = 5000): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#watchers.delete(look);
        clearTimeout(timer);
        settle();
      };
      const look = (): void => {
        if (test()) {
          finish(resolve);
        }
      };
      const timer = setTimeout(() => finish(() => reject(new Error(`Not so within ${ms} ms: ${test.toString()}`))), ms);
      this.#watchers.add(look);
      look();
    });
  }

  reset(): void {
    for (const socket of this.#sockets) {
      socket.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    await this.listen(false);
    const closed = [...this.#sockets].map((socket) => once(socket, "close"));
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await Promise.all(closed);
  }
}

/** One connection. */
class HopSession {
  readonly #hop: Hop;
  readonly #socket: Socket;
  readonly #connection: number;
  readonly #wire: Wire;
  #tls = false;
  #helo = "";
  #pipelining = false;
  #transaction = 0;
  #sender: string | undefined;
  #parameters = "";
  #utf8 = false;
  #recipients: string[] = [];
  #rcptParameters: string[] = [];
  readonly #attributes = { XCLIENT: new Map<string, string>(), XFORWARD: new Map<string, string>() };

  constructor(hop: Hop, socket: Socket, connection: number) {
    this.#hop = hop;
    this.#socket = socket;
    this.#connection = connection;
    this.#wire = new Wire(socket);
  }

  async run(): Promise<void> {
    if (this.#hop.script.implicitTls === true && !(await this.#secure())) {
      return;
    }
    if (!isSuccess(await this.#answer("greeting"))) {
      await this.#wire.gone();
      return;
    }
    for (let open = true; open;) {
      const line = await this.#wire.line();
      if (line === undefined) {
        break;
      }
      this.#note(line);
      open = await this.#command(line.trimEnd());
    }
    this.#wire.stream.end();
  }

  #violation(text: string): void {
    this.#hop.violations.push(text);
  }

  #note(line: string): void {
    const text = line.trimEnd();
    this.#hop.commands[this.#connection - 1]?.push(text);
    if (!line.endsWith("\r\n") || line.slice(0, -2).includes("\r")) {
      this.#violation(`bare line end in a command: ${JSON.stringify(line)}`);
    }
    // RFC 1870 and 6152 make MAIL longer, RFC 3461 RCPT.
    if (line.length > 512 + (/ (?:NOTIFY|ORCPT)=/.test(text) ? 540 : 100)) {
      this.#violation(`command of ${line.length} octets`);
    }
    if (this.#wire.unread > 0 && !this.#pipelining) {
      this.#violation(`pipelined without leave after: ${text}`);
    }
    const offered = this.#hop.script.keywords ?? defaultKeywords;
    if (/^(?:MAIL|RCPT) .*> .*\b(?:RET|ENVID|NOTIFY|ORCPT)=/.test(text) && !offered.includes("DSN")) {
      this.#violation(`DSN is not offered: ${text}`);
    }
    const utf8 = /^MAIL .*> .*\bSMTPUTF8\b/.test(text);
    this.#utf8 = text.startsWith("MAIL ") ? utf8 : this.#utf8;
    if ((utf8 && !offered.includes("SMTPUTF8")) || (/[^\x00-\x7f]/.test(text) && !this.#utf8)) {
      this.#violation(`SMTPUTF8 is not offered, or not asked for: ${text}`);
    }
    this.#hop.changed();
  }

  /** False: the session ends. */
  async #command(line: string): Promise<boolean> {
    const verb = (line.split(/[ :]/, 1)[0] ?? "").toUpperCase();
    switch (verb) {
      case "EHLO":
      case "HELO":
      case "LHLO":
        if ((verb === "LHLO") !== (this.#hop.script.lmtp === true)) {
          this.#violation(`the wrong protocol: ${line}`);
        }
        return this.#hello(verb === "HELO" ? "helo" : "ehlo", line);
      case "STARTTLS":
        return this.#startTls(line);
      case "MAIL":
        return this.#mail(line);
      case "RCPT":
        return this.#rcpt(line);
      case "DATA":
        return this.#data(line);
      case "XCLIENT":
      case "XFORWARD":
        return this.#forward(verb, line);
      case "RSET":
        this.#attributes.XFORWARD.clear();
        this.#sender = undefined;
        return (await this.#answer("rset", line)) !== undefined;
      case "NOOP":
        return (await this.#answer("noop", line)) !== undefined;
      case "QUIT":
        await this.#answer("quit", line);
        return false;
      default:
        this.#violation(`unknown command: ${line}`);
        return (await this.#perform("500 5.5.1 Unknown command")) !== undefined;
    }
  }

  async #hello(stage: "ehlo" | "helo", line: string): Promise<boolean> {
    const { script } = this.#hop;
    const keywords = [...(script.keywords ?? defaultKeywords)];
    if (script.tls !== undefined && !this.#tls && script.hideStartTls !== true) {
      keywords.push("STARTTLS");
    }
    const lines = ["hop.example", ...(stage === "ehlo" ? keywords : [])];
    const text = lines.map((word, i) => `250${i < lines.length - 1 ? "-" : " "}${word}`).join("\n");
    const reply = await this.#answer(stage, line, "", text);
    if (isSuccess(reply)) {
      this.#helo = line.slice(5);
      this.#sender = undefined;
      this.#pipelining = stage === "ehlo" && keywords.includes("PIPELINING");
    }
    return reply !== undefined;
  }

  /** As Postfix does it: XCLIENT begins the session again, XFORWARD holds to the end of the next transaction. */
  async #forward(verb: "XCLIENT" | "XFORWARD", line: string): Promise<boolean> {
    const offered = this.#hop.script.keywords?.find((keyword) => keyword.startsWith(`${verb} `))?.split(" ") ?? [];
    if (this.#sender !== undefined || (this.#helo === "" && verb === "XFORWARD")) {
      this.#violation(`out of order: ${line}`);
    }
    for (const word of line.split(" ").slice(1)) {
      const [name = "", value = ""] = word.split(/=(.*)/s);
      if (!offered.includes(name) || !/^[!-~]{1,255}$/.test(value)) {
        this.#violation(`not offered or malformed: ${word}`);
      }
      this.#attributes[verb].set(name, value);
    }
    if (verb === "XFORWARD") {
      return (await this.#answer("xforward", line)) !== undefined;
    }
    this.#helo = "";
    this.#pipelining = false;
    return (await this.#answer("xclient", line)) !== undefined;
  }

  async #startTls(line: string): Promise<boolean> {
    if (this.#wire.unread > 0) {
      this.#violation("bytes behind STARTTLS");
    }
    const reply = await this.#answer("starttls", line);
    return reply?.startsWith("220") === true ? this.#secure() : reply !== undefined;
  }

  async #secure(): Promise<boolean> {
    const { tls } = this.#hop.script;
    if (tls === undefined) {
      await this.#wire.gone();
      return false;
    }
    this.#wire.release();
    const secure = new TLSSocket(this.#socket, { isServer: true, key: tls.key, cert: tls.cert });
    this.#wire.swap(secure);
    const done = once(secure, "secure").then(() => true);
    const failed = new Promise<false>((resolve) =>
      secure.on("error", () => resolve(false)).on("close", () => resolve(false)),
    );
    this.#tls = await Promise.race([done.catch(() => false), failed]);
    this.#helo = "";
    this.#pipelining = false;
    return this.#tls;
  }

  async #mail(line: string): Promise<boolean> {
    const match = /^MAIL FROM:<(.*?)>(?: (.+))?$/i.exec(line);
    if (match === null || this.#helo === "" || this.#sender !== undefined) {
      this.#violation(`out of order or malformed: ${line}`);
    }
    this.#transaction += 1;
    const reply = await this.#answer("mail", line, match?.[1] ?? "");
    if (isSuccess(reply)) {
      this.#sender = match?.[1] ?? "";
      this.#parameters = match?.[2] ?? "";
      this.#recipients = [];
      this.#rcptParameters = [];
    }
    return reply !== undefined;
  }

  async #rcpt(line: string): Promise<boolean> {
    const [, address, parameters = ""] = /^RCPT TO:<(.+?)>(?: (.+))?$/i.exec(line) ?? [];
    if (address === undefined) {
      this.#violation(`malformed: ${line}`);
    }
    if (this.#sender === undefined) {
      // In order where commands were pipelined behind a refused MAIL. RFC 2920 3.1.
      return (await this.#perform("503 5.5.1 MAIL first")) !== undefined;
    }
    const own = this.#hop.script.recipients?.[address ?? ""];
    const reply = await (own === undefined ? this.#answer("rcpt", line, address) : this.#perform(own));
    if (isSuccess(reply)) {
      this.#recipients.push(address ?? "");
      this.#rcptParameters.push(parameters);
    }
    return reply !== undefined;
  }

  async #data(line: string): Promise<boolean> {
    if (this.#sender === undefined || this.#recipients.length === 0) {
      return (await this.#perform("503 5.5.1 RCPT first")) !== undefined;
    }
    if (this.#wire.unread > 0) {
      this.#violation("content before 354");
    }
    const reply = await this.#answer("data", line);
    return reply?.startsWith("354") === true ? this.#content() : reply !== undefined;
  }

  async #content(): Promise<boolean> {
    const { content: limit } = this.#hop.script;
    const { raw, whole } = await this.#wire.content((bytes) => limit !== undefined && bytes >= limit.after);
    if (!whole) {
      this.#hop.partial.push(raw);
      this.#hop.changed();
      return this.#interrupt(limit?.answer);
    }
    this.#check(raw);
    const received = {
      connection: this.#connection,
      tls: this.#tls,
      helo: this.#helo,
      sender: this.#sender ?? "",
      parameters: this.#parameters,
      recipients: this.#recipients,
      rcptParameters: this.#rcptParameters,
      attributes: Object.values(this.#attributes).flatMap((all) => [...all].map((pair) => pair.join("="))),
      message: unstuff(raw),
      raw,
      answer: "",
      taken: [] as string[],
    };
    this.#sender = undefined;
    this.#attributes.XFORWARD.clear();
    this.#hop.received.push(received);
    this.#hop.changed();
    for (const recipients of this.#hop.script.lmtp === true
      ? received.recipients.map((one) => [one])
      : [received.recipients]) {
      const answer = await this.#answer("dot", "", recipients[0]);
      received.answer = answer?.split("\n", 1)[0] ?? "";
      received.taken.push(...(isSuccess(answer) ? recipients : []));
      this.#hop.changed();
      if (answer === undefined) {
        return false;
      }
    }
    return true;
  }

  async #interrupt(answer: Answer | { readonly deaf: true } | undefined): Promise<boolean> {
    if (typeof answer === "object" && "deaf" in answer) {
      this.#wire.stopReading();
    } else if (answer !== undefined) {
      await this.#perform(answer);
    }
    await this.#wire.gone();
    return false;
  }

  #check(raw: Buffer): void {
    const text = raw.toString("latin1");
    if (/(?:^|[^\r])\n|\r(?!\n)/.test(text)) {
      this.#violation("bare line end in a message");
    }
    if (/(?:^|\r\n)\.(?![.]|\r\n$)/.test(text)) {
      this.#violation("a dot at the start of a line is not doubled");
    }
  }

  /** The reply that was given; undefined if the connection is of no more use. */
  #answer(stage: Stage, line = "", address = "", text: string = usual[stage]): Promise<string | undefined> {
    const scripted = this.#hop.script.answers?.[stage];
    const moment = { connection: this.#connection, transaction: this.#transaction, line, address, tls: this.#tls };
    const answer = typeof scripted === "function" ? scripted(moment) : scripted;
    return this.#perform(answer ?? text);
  }

  async #perform(answer: Answer): Promise<string | undefined> {
    if (typeof answer === "string") {
      return this.#write(answer);
    }
    if ("bytes" in answer) {
      const bytes = typeof answer.bytes === "string" ? Buffer.from(answer.bytes, "latin1") : answer.bytes;
      this.#wire.stream.write(bytes);
      return bytes.toString("latin1");
    }
    if ("later" in answer) {
      await delay(answer.later);
      return this.#write(answer.reply);
    }
    if ("slowly" in answer) {
      return this.#writeSlowly(answer.slowly, answer.pause);
    }
    if ("drop" in answer) {
      this.#drop(answer.drop, answer.first);
    } else if ("endless" in answer) {
      await this.#writeEndlessly(Buffer.from(`${answer.endless}${answer.bare === true ? "" : "\r\n"}`, "latin1"));
    }
    await this.#wire.gone();
    return undefined;
  }

  #write(text: string): string | undefined {
    const { stream } = this.#wire;
    if (!stream.writable) {
      return undefined;
    }
    stream.write(Buffer.from(`${text.replaceAll("\n", "\r\n")}\r\n`, "latin1"));
    return text;
  }

  async #writeSlowly(text: string, pause: number): Promise<string | undefined> {
    const bytes = Buffer.from(`${text.replaceAll("\n", "\r\n")}\r\n`, "latin1");
    for (const [i, byte] of bytes.entries()) {
      if (!this.#wire.stream.writable) {
        return undefined;
      }
      this.#wire.stream.write(Buffer.from([byte]));
      // Whoever has read the last byte finds it noted.
      if (i < bytes.length - 1) {
        await delay(pause);
      }
    }
    return text;
  }

  async #writeEndlessly(line: Buffer): Promise<void> {
    const { stream } = this.#wire;
    const many = Buffer.concat(Array.from({ length: 100 }, () => line));
    while (stream.writable) {
      if (!stream.write(many)) {
        await Promise.race([once(stream, "drain"), once(stream, "close")]).catch(() => undefined);
      }
    }
  }

  #drop(how: "fin" | "rst", first: string | undefined): void {
    const end = (): void => {
      if (how === "rst") {
        this.#socket.resetAndDestroy();
      } else {
        this.#wire.stream.end();
      }
    };
    if (first === undefined) {
      end();
    } else {
      this.#wire.stream.write(Buffer.from(`${first.replaceAll("\n", "\r\n")}\r\n`, "latin1"), end);
    }
  }
}

function isSuccess(reply: string | undefined): boolean {
  return reply !== undefined && reply.startsWith("2");
}
