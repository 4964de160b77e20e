/**
 * What of a message may say where its parts are: header sections, and lines that may be delimiters. RFC 2046 5.1.1. The
 * rest, nearly all of a large message, need not be read line by line.
 */
import { emptyLineIn } from "./splitter.ts";

const lineOfDashes = Buffer.from("\n--");
/** What may make a part a message, whose header section follows at once; comments and encodings may hide it. */
const mayBeMessage = /rfc822|[(\\]|=\?/i;

/** Takes a message in any segmentation, without dot-stuffing. */
export class PartLines {
  /** Within a header section, or behind a line of dashes: all is kept up to the next empty line. */
  #keeps = true;
  /** The octets before the next ones, as far as a mark may lie across. A message may begin with the empty line. */
  #tail = "\r\n";
  #section = "";
  readonly #longest: number;

  /** @param longest header section that is looked at; behind a longer one all is kept */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** What has to be read of the next piece, in order. */
  push(piece: Buffer): Buffer[] {
    const kept: Buffer[] = [];
    for (let rest = piece; rest.length > 0;) {
      rest = this.#keeps ? this.#keep(rest, kept) : this.#skip(rest, kept);
    }
    return kept;
  }

  /** @returns what is behind the empty line */
  #keep(bytes: Buffer, kept: Buffer[]): Buffer {
    const end = emptyLineIn(this.#tail, bytes);
    // With the empty line itself.
    const taken = end === undefined ? bytes : bytes.subarray(0, end + 2);
    kept.push(taken);
    if (this.#section.length <= this.#longest) {
      this.#section += taken.toString("latin1");
    }
    this.#tail = (this.#tail + taken.toString("latin1", Math.max(0, taken.length - 3))).slice(-3);
    if (end === undefined) {
      return bytes.subarray(bytes.length);
    }
    const mayGoOn = this.#section.length > this.#longest || mayBeMessage.test(this.#section.replaceAll(/\s/g, ""));
    this.#keeps = mayGoOn;
    this.#section = this.#section.length > this.#longest ? this.#section : "";
    this.#tail = "\r\n";
    return bytes.subarray(taken.length);
  }

  /** @returns what begins with a line of dashes */
  #skip(bytes: Buffer, kept: Buffer[]): Buffer {
    const across = (this.#tail + bytes.toString("latin1", 0, 2)).indexOf("\n--");
    const before = this.#tail.length;
    if (across >= 0) {
      // What of the dashes came before was left out.
      const seen = Math.max(0, before - across - 1);
      kept.push(Buffer.from("--".slice(0, seen)));
      return this.#begin("--".slice(0, seen), bytes.subarray(Math.max(0, across + 1 - before)));
    }
    const at = bytes.indexOf(lineOfDashes);
    if (at >= 0) {
      return this.#begin("", bytes.subarray(at + 1));
    }
    this.#tail = (this.#tail + bytes.toString("latin1", Math.max(0, bytes.length - 2))).slice(-2);
    return bytes.subarray(bytes.length);
  }

  #begin(seen: string, bytes: Buffer): Buffer {
    this.#keeps = true;
    this.#section = "";
    this.#tail = seen;
    return bytes;
  }
}
