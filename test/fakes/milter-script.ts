/** A milter on loopback that answers by a script, whether or not the protocol allows it. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";

import { boundPort } from "../../src/mail/network.ts";

/** A packet: letter and data, one character an octet; or bytes as they are, "close" ends the connection. */
export type Line = string | { readonly raw: string };

/** What it says. */
export interface Lines {
  /** Data of the answer to the offer; undefined: version 6, every action but a new sender, no wishes. */
  readonly negotiation?: string;
  /** Answers by command; `c` where there are none. */
  readonly letters?: Readonly<Record<string, readonly Line[]>>;
  /** At the end of the message. */
  readonly end?: readonly Line[];
}

const usual = "\0\0\0\x06\0\0\x01\xbf\0\0\0\0";
const answered = "CHMRTLNBEU";

export class ScriptedMilter {
  readonly #script: Lines;
  /** Packets so far but for the offer; NUL is "|". */
  readonly told: string[] = [];
  connections = 0;
  readonly #server: Server = createServer((socket) => this.#accept(socket));
  readonly #open = new Set<Socket>();

  constructor(script: Lines) {
    this.#script = script;
  }

  get port(): number {
    return boundPort(this.#server);
  }

  async open(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async close(): Promise<void> {
    this.#open.forEach((socket) => socket.destroy());
    this.#server.close();
  }

  #accept(socket: Socket): void {
    this.connections++;
    this.#open.add(socket);
    let rest = Buffer.alloc(0);
    socket
      .on("data", (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
          const end = 4 + rest.readUInt32BE(0);
          this.#hear(socket, rest.toString("latin1", 4, end));
          rest = rest.subarray(end);
        }
      })
      .on("error", () => undefined)
      .on("close", () => this.#open.delete(socket));
  }

  #hear(socket: Socket, packet: string): void {
    const letter = packet.charAt(0);
    if (letter === "O") {
      this.#say(socket, `O${this.#script.negotiation ?? usual}`);
      return;
    }
    if (letter !== "Q") {
      this.told.push(packet.replaceAll("\0", "|"));
    }
    if (answered.includes(letter)) {
      const { letters = {}, end } = this.#script;
      const lines = letter === "E" && end !== undefined ? end : (letters[letter] ?? ["c"]);
      // In one piece: what nobody asked for must be there when the next command comes.
      socket.cork();
      lines.forEach((line) => this.#say(socket, line));
      socket.uncork();
    }
  }

  #say(socket: Socket, line: Line): void {
    if (typeof line !== "string" && line.raw === "close") {
      socket.end();
      return;
    }
    const bytes = Buffer.from(typeof line === "string" ? line : line.raw, "latin1");
    const head = Buffer.alloc(4);
    head.writeUInt32BE(bytes.length);
    socket.write(typeof line === "string" ? Buffer.concat([head, bytes]) : bytes);
  }
}
