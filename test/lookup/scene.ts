/** What the tests of lookups share: a relay that answers by every protocol, and how a client asks it. */
import { once } from "node:events";
import { connect } from "node:net";
import type { NetConnectOpts, Socket } from "node:net";

import { lookupProtocols } from "../../src/report/counters.ts";
import type { LookupProtocol } from "../../src/report/counters.ts";

/**
 * Sections that answer by these protocols, each on a free port of loopback and named like its protocol.
 * @param more keys of each
 */
export function lookupSections(protocols: readonly LookupProtocol[] = lookupProtocols, more = ""): string {
  return protocols
    .map((name) => `[[lookup]]\nname = "${name}"\nprotocol = "${name}"\nlisten = ["127.0.0.1:0"]\n${more}\n`)
    .join("\n");
}

/** No answer takes longer in these tests, in ms. */
const patience = 10_000;

/** A client of a lookup that writes octets and waits for as many as it wants. */
export class Wire {
  readonly socket: Socket;
  #read = "";
  #hasEnded = false;
  #woken: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#read += text;
      this.#woken?.();
    });
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#woken?.();
    });
    socket.on("error", () => socket.emit("end"));
  }

  static async open(place: NetConnectOpts): Promise<Wire> {
    const socket = connect({ allowHalfOpen: true, noDelay: true, ...place });
    await once(socket, "connect", { signal: AbortSignal.timeout(patience) });
    return new Wire(socket);
  }

  write(octets: string): void {
    this.socket.write(octets, "latin1");
  }

  /** What has come up to the end of a pattern. @throws Error if it does not come */
  async until(pattern: RegExp): Promise<string> {
    const end = Date.now() + patience;
    for (;;) {
      const found = pattern.exec(this.#read);
      if (found !== null) {
        const taken = this.#read.slice(0, found.index + found[0].length);
        this.#read = this.#read.slice(taken.length);
        return taken;
      }
      if (this.#hasEnded || Date.now() > end) {
        throw new Error(`No ${String(pattern)} in ${JSON.stringify(this.#read)}${this.#hasEnded ? ", closed" : ""}`);
      }
      await this.#more(end);
    }
  }

  /** So many octets. */
  octets(count: number): Promise<string> {
    return this.until(new RegExp(`^[^]{${count}}`));
  }

  /** Takes octets back. */
  unread(octets: string): void {
    this.#read = octets + this.#read;
  }

  /** All that comes until the server closes. */
  async rest(): Promise<string> {
    const end = Date.now() + patience;
    while (!this.#hasEnded) {
      if (Date.now() > end) {
        throw new Error(`Not closed after ${JSON.stringify(this.#read)}`);
      }
      await this.#more(end);
    }
    return this.#read;
  }

  close(): void {
    this.socket.destroy();
  }

  async #more(end: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(0, end - Date.now()));
    this.#woken = resolve;
    await promise;
    clearTimeout(timer);
  }
}

/** A netstring. */
export function netstring(text: string): string {
  return `${Buffer.byteLength(text, "latin1")}:${text},`;
}

/** A question of the policy protocol. */
export function policyQuestion(attributes: Readonly<Record<string, string>>): string {
  const usual = { request: "smtpd_access_policy", protocol_state: "RCPT", protocol_name: "ESMTP" };
  const lines = Object.entries({ ...usual, ...attributes }).map(([name, value]) => `${name}=${value}\n`);
  return `${lines.join("")}\n`;
}
