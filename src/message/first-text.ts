/** The first plain text of a small message, decoded. */
import { createRequire } from "node:module";

import type libqp from "libqp";

import { newSplitter } from "./mime.ts";
import type { SplitterChunk } from "@zone-eu/mailsplit";

const require = createRequire(import.meta.url);

/** @param message header section included; "" where it has no plain text */
export async function firstText(message: Buffer): Promise<string> {
  const splitter = newSplitter();
  splitter.end(message);
  let encoding: string | undefined;
  const body: Buffer[] = [];
  const chunks: AsyncIterable<SplitterChunk> = splitter;
  for await (const chunk of chunks) {
    if (chunk.type === "body" && encoding !== undefined) {
      body.push(chunk.value);
    } else if (chunk.type === "node") {
      if (encoding !== undefined) {
        break;
      }
      const { contentType } = chunk;
      const isText = contentType === false || contentType === "text/plain";
      encoding = isText ? String(chunk.encoding) : undefined;
    }
  }
  return decoded(Buffer.concat(body), encoding ?? "");
}

function decoded(octets: Buffer, encoding: string): string {
  switch (encoding) {
    case "base64":
      return Buffer.from(octets.toString("latin1"), "base64").toString();
    case "quoted-printable": {
      const library: typeof libqp = require("libqp");
      return library.decode(octets).toString();
    }
    default:
      return octets.toString();
  }
}
