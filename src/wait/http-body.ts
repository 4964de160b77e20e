/** The body of an HTTP request, bounded. Its end in time is the server's `requestTimeout`. */
import type { IncomingMessage } from "node:http";

/** The text; undefined: it is longer than that many octets. Rejects if the client leaves before its end. */
export async function readHttpBody(request: IncomingMessage, longest: number): Promise<string | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > longest) {
    return undefined;
  }
  const pieces: Buffer[] = [];
  let size = 0;
  // One that is left in the middle can still be answered. Without an encoding a stream gives buffers.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > longest) {
      return undefined;
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
