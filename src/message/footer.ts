/**
 * A text at the end of a message: behind its first plain text where that can be done, else as a part of its own.
 * RFC 2046. Everything else keeps its octets. Signed and encrypted messages are left alone: RFC 1847.
 */
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";

import type { SplitterChunk } from "@zone-eu/mailsplit";

import { fieldName, readHeader, splitFields } from "./header.ts";
import { newSplitter } from "./mime.ts";
import type { MimePart, MimeTree } from "./mime.ts";
import { Appender } from "./text-appender.ts";
import type { TextEncoding } from "./text-appender.ts";

/** Where the text goes: behind the text of a part, by its place in the tree, or beside all that there is. */
export type FooterPlace =
  | { readonly kind: "behind"; readonly part: number; readonly encoding: TextEncoding }
  | { readonly kind: "beside" };

const lineBreak = Buffer.from("\r\n");
const sealed = /^(?:multipart\/(?:signed|encrypted)|application\/(?:x-)?pkcs7-(?:mime|signature)|application\/pgp-)/;

/** Where a text can go; undefined: the message is to be left alone. @param text with CRLF */
export function footerPlace({ parts, incomplete }: MimeTree, text: string): FooterPlace | undefined {
  if (incomplete || parts.some(({ type }) => sealed.test(type))) {
    return undefined;
  }
  const at = parts.findIndex((part) => isText(part) && !isEmbedded(part, parts));
  const part = parts[at];
  const encoding = part && encodingFor(part, text);
  return encoding === undefined ? { kind: "beside" } : { kind: "behind", part: at, encoding };
}

function isText({ type, disposition, filename, name }: MimePart): boolean {
  return type === "text/plain" && disposition !== "attachment" && filename === undefined && name === undefined;
}

/** Within a message that was forwarded. */
function isEmbedded({ parent }: MimePart, parts: readonly MimePart[]): boolean {
  const container = parent === undefined ? undefined : parts[parent];
  return container !== undefined && (container.type === "message/rfc822" || isEmbedded(container, parts));
}

/** How the text is written behind a part's own; undefined if its charset or its encoding has no room for it. */
function encodingFor({ charset, encoding }: MimePart, text: string): TextEncoding | undefined {
  const isAscii = /^[\x01-\x7f]*$/.test(text);
  const fits = isAscii ? !/^(?:utf-?(?:16|32|7)|ucs|hz|iso-2022)/i.test(charset) : /^utf-?8$/i.test(charset);
  if (!fits) {
    return undefined;
  }
  switch (encoding) {
    case "quoted-printable":
    case "base64":
      return encoding;
    case "":
    case "7bit":
      return isAscii ? "plain" : undefined;
    case "8bit":
    case "binary":
      return "plain";
    default:
      return undefined;
  }
}

/** The body of the message with the text behind one of its parts. @param content the message, header section included */
export async function* bodyWithText(
  content: AsyncIterable<Buffer>,
  { part, encoding }: Extract<FooterPlace, { kind: "behind" }>,
  text: string,
): AsyncGenerator<Buffer, void, undefined> {
  let place = -1;
  let appender: Appender | undefined;
  for await (const chunk of chunksOf(content)) {
    if (chunk.type === "body" && appender !== undefined) {
      yield appender.take(chunk.value);
      continue;
    }
    if (appender !== undefined) {
      yield appender.end(text);
      // The line break in front of a boundary is the boundary's; behind an empty part there was none.
      if (chunk.type === "data" && !chunk.value.subarray(0, 2).equals(lineBreak)) {
        yield lineBreak;
      }
      appender = undefined;
    }
    if (chunk.type !== "node") {
      yield chunk.value;
      continue;
    }
    place++;
    // The header section of the message itself is not a part of its body.
    if (place > 0) {
      yield chunk.getHeaders();
    }
    appender = place === part ? new Appender(encoding) : undefined;
  }
  if (appender !== undefined) {
    yield appender.end(text);
  }
}

function chunksOf(content: AsyncIterable<Buffer>): AsyncIterable<SplitterChunk> {
  const source = Readable.from(content);
  const splitter = newSplitter();
  source.on("error", (error) => splitter.destroy(error));
  return source.pipe(splitter);
}

/** A message that becomes the first part of another one. */
export interface Wrapped {
  /** Fields of the message that go into the part, by name. */
  readonly moved: readonly string[];
  /** The fields in their place: name and value. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: AsyncIterable<Buffer>;
}

/** The message with the text as a part of its own. @param content the message; its header section is read before this resolves */
export async function wrapWithText(content: AsyncIterable<Buffer>, text: string): Promise<Wrapped> {
  const pieces = content[Symbol.asyncIterator]();
  const { header, rest } = await readHeader(pieces);
  const lines = splitFields(header).filter((line) => /^content-/i.test(fieldName(line)));
  const encoding = lines
    .find((line) => /^content-transfer-encoding$/i.test(fieldName(line)))
    ?.split(":")[1]
    ?.trim();
  const boundary = `goodmailto-${randomBytes(16).toString("hex")}`;
  async function* body(): AsyncGenerator<Buffer, void, undefined> {
    yield Buffer.from(`--${boundary}\r\n${lines.join("")}\r\n`, "latin1");
    yield rest;
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      yield next.value;
    }
    yield Buffer.from(`\r\n--${boundary}\r\n${partOf(text)}\r\n--${boundary}--\r\n`);
  }
  // What the parts have in 8 bits the whole has. RFC 2045 6.4.
  const wide = encoding !== undefined && /^(?:8bit|binary)$/i.test(encoding);
  return {
    moved: [...new Set(lines.map((line) => fieldName(line)))],
    fields: [
      ["MIME-Version", "1.0"],
      ["Content-Type", `multipart/mixed; boundary="${boundary}"`],
      ...(wide ? ([["Content-Transfer-Encoding", encoding]] as const) : []),
    ],
    body: body(),
  };
}

function partOf(text: string): string {
  const isAscii = /^[\x01-\x7f]*$/.test(text);
  const written = isAscii ? text : Buffer.from(text).toString("base64").replaceAll(/.{76}/g, "$&\r\n");
  return [
    `Content-Type: text/plain; charset=${isAscii ? "us-ascii" : "utf-8"}`,
    `Content-Transfer-Encoding: ${isAscii ? "7bit" : "base64"}`,
    "Content-Disposition: inline",
    "",
    written,
  ].join("\r\n");
}
