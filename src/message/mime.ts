/**
 * The parts of a message. RFC 2045, RFC 2046. Read once by mailsplit, which streams, while the message passes or from
 * where it is held; loaded when the first check asks. Bounded: what is beyond the bounds is left out, and said so.
 */
import type { EventEmitter } from "node:events";
import { createRequire } from "node:module";

import type { MimeNode, Splitter, SplitterChunk } from "@zone-eu/mailsplit";

import { PartLines } from "./part-lines.ts";
import { parameterOf } from "./words.ts";

const require = createRequire(import.meta.url);
const maxParts = 1000;
const maxLevels = 100;
const maxHeader = 262_144;

/** One part; a container is one, too. */
export interface MimePart {
  /** In small letters; "text/plain" if none is given. */
  readonly type: string;
  /** As given; "" for none. */
  readonly charset: string;
  /** `inline`, `attachment` or another word, in small letters; "" for none. */
  readonly disposition: string;
  /** Content-Transfer-Encoding in small letters; "" for none. */
  readonly encoding: string;
  /** `filename` of the disposition, decoded. RFC 2231, RFC 2047. */
  readonly filename: string | undefined;
  /** `name` of the type, decoded. */
  readonly name: string | undefined;
  /** 0: the message itself. */
  readonly level: number;
  /** Its container's place in the list of parts; undefined for the message itself. */
  readonly parent: number | undefined;
}

/** The parts in the order of the message. */
export interface MimeTree {
  readonly parts: readonly MimePart[];
  /** Whether something is left out: more than 1000 parts or 100 levels, or a header section of more than 256 KiB. */
  readonly incomplete: boolean;
}

/** Loaded when the first message is read. */
function mailsplit(): { readonly Splitter: typeof Splitter; readonly MimeNode: typeof MimeNode } {
  return require("@zone-eu/mailsplit");
}

/** Reads a message as a stream of its parts. */
export function newSplitter(): Splitter {
  const library = mailsplit();
  // A message within a message is entered, whatever its disposition says.
  return new library.Splitter({ defaultInlineEmbedded: true, maxHeadSize: maxHeader, maxChildNodes: maxParts });
}

/** What mailsplit counts a line of a header section for, at least. */
const leastLine = 64;

/** The message itself, where no field says what it is. */
const plain: MimeTree = {
  parts: [
    {
      type: "text/plain",
      charset: "",
      disposition: "",
      encoding: "",
      filename: undefined,
      name: undefined,
      level: 0,
      parent: undefined,
    },
  ],
  incomplete: false,
};

/**
 * The tree of a message that has no parts, by its header section alone; undefined: its body has to be read.
 * @param header without dot-stuffing, one character per octet
 */
export function treeOfHeader(header: string): MimeTree | undefined {
  // Every line may count for so much.
  if (header.length > maxHeader / leastLine && header.length + leastLine * header.split("\n").length > maxHeader) {
    return undefined;
  }
  if (!/content-/i.test(header)) {
    return plain;
  }
  if (/^content-type:\s*multipart\//im.test(header)) {
    return undefined;
  }
  const library = mailsplit();
  const node = new library.MimeNode(false);
  node.addHeaderChunk(Buffer.from(header, "latin1"));
  node.parseHeaders();
  return node.multipart === false && !node.rfc822
    ? { parts: [partOf(node, 0, undefined)], incomplete: false }
    : undefined;
}

export class MimeReader {
  readonly #splitter: Splitter;
  readonly #lines = new PartLines(maxHeader);
  readonly #parts: MimePart[] = [];
  readonly #places = new Map<MimeNode, number>();
  #incomplete = false;
  #over = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor() {
    this.#splitter = newSplitter();
    const events: EventEmitter = this.#splitter;
    events
      .on("data", (chunk: SplitterChunk) => this.#see(chunk))
      .on("end", () => this.#end())
      .on("error", () => this.#giveUp());
  }

  /** Takes content without dot-stuffing. A promise asks to wait. */
  take(content: Buffer): Promise<void> | undefined {
    const kept = this.#over ? [] : this.#lines.push(content);
    // One write is one turn of the splitter's; these are few octets, unless all of the piece is kept.
    const read = kept.length === 1 && kept[0] !== undefined ? kept[0] : Buffer.concat(kept);
    if (read.length === 0 || this.#splitter.write(read)) {
      return undefined;
    }
    const events: EventEmitter = this.#splitter;
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      events.off("drain", done).off("close", done);
      resolve();
    };
    // A splitter that has given up takes no more.
    events.on("drain", done).on("close", done);
    return promise;
  }

  /** The message is complete. */
  async tree(): Promise<MimeTree> {
    if (!this.#over) {
      this.#splitter.end();
      await this.#ended.promise;
    }
    return { parts: this.#parts, incomplete: this.#incomplete };
  }

  /** The message is not going to be complete. */
  abandon(): void {
    this.#end();
    this.#splitter.destroy();
  }

  #see(node: SplitterChunk): void {
    if (this.#over || node.type !== "node") {
      return;
    }
    const parent = node.parentNode === false ? undefined : this.#places.get(node.parentNode);
    const level = parent === undefined ? 0 : (this.#parts[parent]?.level ?? 0) + 1;
    if (level >= maxLevels || this.#parts.length >= maxParts) {
      this.#giveUp();
      return;
    }
    this.#places.set(node, this.#parts.length);
    this.#parts.push(partOf(node, level, parent));
  }

  #giveUp(): void {
    if (!this.#over) {
      this.#incomplete = true;
      this.#end();
      this.#splitter.destroy();
    }
  }

  #end(): void {
    this.#over = true;
    this.#ended.resolve();
  }
}

function partOf(node: MimeNode, level: number, parent: number | undefined): MimePart {
  const { contentType, charset, disposition, encoding } = node;
  return {
    type: contentType === false ? "text/plain" : contentType,
    charset: charset === false ? "" : charset,
    disposition: disposition === false ? "" : disposition,
    encoding: encoding === false ? "" : encoding,
    filename: parameterIn(node, "Content-Disposition", "filename"),
    name: parameterIn(node, "Content-Type", "name"),
    level,
    parent,
  };
}

function parameterIn({ headers }: MimeNode, field: string, name: string): string | undefined {
  const value = headers === false ? "" : headers.getFirst(field);
  // Most fields have none of these. Within comments and behind backslashes a name may look otherwise.
  return /name|[(\\]/i.test(value) ? parameterOf(value, name) : undefined;
}
