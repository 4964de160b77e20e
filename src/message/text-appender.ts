/** Writes a text behind that of a part, in the part's own transfer encoding. RFC 2045 6.7, 6.8. */
import { createRequire } from "node:module";

import type library from "libqp";

const require = createRequire(import.meta.url);

/** `plain`: as it is. */
export type TextEncoding = "plain" | "quoted-printable" | "base64";

const crlf = Buffer.from("\r\n");
/** Octets of a line of base64: 76 characters. */
const lineBytes = 57;

export class Appender {
  readonly #encoding: TextEncoding;
  /** The last octets that went by, to know whether a line is open; of base64 the decoded ones. */
  #tail = Buffer.alloc(0);
  /** base64: characters and octets that do not make a complete group, or line, yet. */
  #characters = "";
  #octets = Buffer.alloc(0);

  constructor(encoding: TextEncoding) {
    this.#encoding = encoding;
  }

  /** The next piece of the part; what of it can go on. */
  take(piece: Buffer): Buffer {
    if (this.#encoding === "base64") {
      this.#characters += piece.toString("latin1").replaceAll(/[^A-Za-z0-9+/=]/g, "");
      const whole = this.#characters.length - (this.#characters.length % 4);
      const decoded = Buffer.from(this.#characters.slice(0, whole), "base64");
      this.#characters = this.#characters.slice(whole);
      return this.#lines(decoded);
    }
    this.#remember(piece);
    return piece;
  }

  /** The part is over: what is left of it, and the text. @param text with CRLF */
  end(text: string): Buffer {
    switch (this.#encoding) {
      case "plain":
        return Buffer.concat([this.#closing(), Buffer.from(text)]);
      case "quoted-printable": {
        const libqp: typeof library = require("libqp");
        return Buffer.concat([this.#closing(), Buffer.from(libqp.wrap(libqp.encode(text)))]);
      }
      case "base64": {
        const last = this.#lines(Buffer.from(this.#characters, "base64"));
        const rest = this.#lines(Buffer.concat([this.#closing(), Buffer.from(text)]));
        return Buffer.concat([last, rest, Buffer.from(this.#octets.toString("base64"))]);
      }
    }
  }

  /** Ends the line that is open. A quoted-printable one that goes on by "=" ends with the empty line behind it. */
  #closing(): Buffer {
    const tail = this.#tail.toString("latin1");
    if (this.#encoding === "quoted-printable" && /=[ \t]*(?:\r\n)?$/.test(tail)) {
      return Buffer.from(tail.endsWith("\r\n") ? "\r\n" : "\r\n\r\n");
    }
    return tail === "" || tail.endsWith("\n") ? Buffer.alloc(0) : crlf;
  }

  #remember(octets: Buffer): void {
    this.#tail = Buffer.concat([this.#tail, octets]).subarray(-8);
  }

  /** Whole lines of base64; the rest waits. */
  #lines(octets: Buffer): Buffer {
    this.#remember(octets);
    const all = Buffer.concat([this.#octets, octets]);
    const whole = all.length - (all.length % lineBytes);
    this.#octets = all.subarray(whole);
    const lines = all.subarray(0, whole).toString("base64");
    return Buffer.from(lines.replaceAll(/.{76}/g, "$&\r\n"));
  }
}
