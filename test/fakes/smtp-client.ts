/** A telnet-like client for tests: sends bytes, waits for lines; every wait has a deadline. */
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const patience = 15_000;

/** One connection. */
export class SmtpClient {
  #socket: Socket;
  #text = "";
  #ended = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  /** Connects; the greeting is still to be read. */
  static async open(port: number, localAddress = "127.0.0.1", host = "127.0.0.1"): Promise<SmtpClient> {
    const socket = connect({ host, port, localAddress });
    await once(socket, "connect");
    return new SmtpClient(socket);
  }

  /** Connects with TLS from the first byte. */
  static async openTls(port: number): Promise<SmtpClient> {
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return new SmtpClient(socket);
  }

  #listen(): void {
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      this.#wake?.();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake?.();
    };
    this.#socket.on("end", end).on("close", end).on("error", end);
  }

  /** Turns TLS on, after the server's 220 to STARTTLS. */
  async startTls(options: object = {}): Promise<void> {
    this.#socket.removeAllListeners("data").removeAllListeners("end").removeAllListeners("close");
    const secure = connectTls({ socket: this.#socket, rejectUnauthorized: false, ...options });
    await once(secure, "secureConnect");
    this.#socket = secure;
    this.#text = "";
    this.#listen();
  }

  /** Sends bytes as they are. */
  write(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** The next line without CRLF; undefined if the server has closed. */
  async line(timeout = patience): Promise<string | undefined> {
    const end = Date.now() + timeout;
    for (;;) {
      const at = this.#text.indexOf("\r\n");
      if (at >= 0) {
        const line = this.#text.slice(0, at);
        this.#text = this.#text.slice(at + 2);
        return line;
      }
      if (this.#ended) {
        return undefined;
      }
      const left = end - Date.now();
      if (left <= 0) {
        throw new Error(`No line in ${timeout} ms; so far ${JSON.stringify(this.#text)}`);
      }
      await this.#wait(left);
    }
  }

  async #wait(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  /** A whole reply, its lines joined by "\n"; undefined if the server has closed. */
  async reply(timeout = patience): Promise<string | undefined> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line(timeout);
      if (line === undefined) {
        return lines.length === 0 ? undefined : lines.join("\n");
      }
      lines.push(line);
      if (line[3] !== "-") {
        return lines.join("\n");
      }
    }
  }

  /** Sends a line and returns the reply. */
  async command(line: string, timeout = patience): Promise<string | undefined> {
    this.write(`${line}\r\n`);
    return this.reply(timeout);
  }

  /** Whether the server closes within the time; anything it still says is kept. */
  async closed(timeout = patience): Promise<boolean> {
    const end = Date.now() + timeout;
    while (!this.#ended && Date.now() < end) {
      await this.#wait(end - Date.now());
    }
    return this.#ended;
  }

  /** Sends FIN; replies may still come. */
  end(): void {
    this.#socket.end();
  }

  /** Cuts the connection (RST). */
  destroy(): void {
    this.#socket.resetAndDestroy();
  }

  /** Ends this side and throws the rest away. */
  close(): void {
    this.#socket.destroy();
  }
}
