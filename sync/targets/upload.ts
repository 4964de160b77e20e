/** Pushes a snapshot by HTTP PUT, to a web server (WebDAV) or into an S3-compatible bucket, and asks for it by HEAD. */
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";

import { accessHeaders } from "../../src/transfer/access.ts";
import type { Access } from "../../src/transfer/access.ts";
import type { Place } from "../../src/config/place.ts";
import { exchange, readAnswer } from "../../src/transfer/request.ts";

/** Characters that are remembered of what a server says. */
const mostProof = 500;

/** Sends the file. Both kinds of server put it in place only when it is complete. @throws Error */
export async function upload(path: string, place: Place, access: Access, signal: AbortSignal): Promise<void> {
  const { size, digest } = await measure(path);
  const type = { "content-type": "application/octet-stream" };
  const headers = await accessHeaders(place, "PUT", access, type, digest);
  const response = await exchange({ ...place, method: "PUT", headers, file: { path, size }, ca: access.ca, signal });
  const status = response.statusCode ?? 0;
  const isSent = await response.sentAll();
  const text = await readAnswer(response);
  if (status < 200 || status > 299) {
    throw new Error(`Cannot PUT ${place.url.host}: it answered ${status} ${text}`.trimEnd());
  }
  if (!isSent) {
    throw new Error(`Cannot PUT ${place.url.host}: it answered ${status} before it had all of the file`);
  }
}

/** Answers of a server that this user may only write to, or that has no HEAD. */
const blind: ReadonlySet<number> = new Set([401, 403, 405, 501]);
/** SHA-256 of nothing, which is what a HEAD sends. */
const ofNothing = createHash("sha256").digest("hex");

/**
 * What tells the file that is there from any other; "": the server does not say.
 * @throws Error if it cannot be asked, has no file, or one of another size
 */
export async function lookAtPlace(path: string, place: Place, access: Access, signal: AbortSignal): Promise<string> {
  const headers = await accessHeaders(place, "HEAD", access, {}, ofNothing);
  const response = await exchange({ ...place, method: "HEAD", headers, ca: access.ca, signal });
  response.resume();
  const { etag = "", "content-length": length = "", "last-modified": modified = "" } = response.headers;
  const status = response.statusCode ?? 0;
  if (blind.has(status)) {
    return "";
  }
  if (status !== 200) {
    throw new Error(`Cannot HEAD ${place.url.host}: it answered ${status}`);
  }
  const { size } = await stat(path);
  if (length !== "" && Number(length) !== size) {
    throw new Error(`${place.url.host} has a file of ${Number(length)} octets, not of ${size}`);
  }
  return [etag, length, modified].join(" ").trim().slice(0, mostProof);
}

async function measure(path: string): Promise<{ readonly size: number; readonly digest: string }> {
  await using file = await open(path);
  const hash = createHash("sha256");
  let size = 0;
  const chunks: AsyncIterable<Buffer> = file.createReadStream({ autoClose: false });
  for await (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, digest: hash.digest("hex") };
}
