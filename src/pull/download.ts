/**
 * Fetches a file in pieces that may lie days apart: what came stays in a part file, and the next attempt asks for the
 * rest, if it is still the same version (RFC 9110 13.1.5 If-Range, 14.2 Range). Nothing here judges what it is.
 */
import { createWriteStream, rmSync, statSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

import type { Place } from "../config/place.ts";
import { accessHeaders } from "../transfer/access.ts";
import type { Access } from "../transfer/access.ts";
import { exchange, readAnswer } from "../transfer/request.ts";
import { errorCode, errorMessage } from "../report/error-message.ts";

/** What is known from before. */
export interface DownloadOptions {
  readonly place: Place;
  readonly access: Access;
  /** The part file. */
  readonly part: string;
  /** ETag of what is there; "" is nothing. */
  readonly etag: string;
  /** ETag of what the part file is a part of; "" is nothing. */
  readonly partEtag: string;
  /** Bytes. */
  readonly maxSize: number;
  /** Called with the ETag before the first byte is written. */
  readonly begin: (etag: string) => void;
  readonly signal: AbortSignal;
}

/** How it ended: with the complete file in the part file, or with no change. */
export type Downloaded = { readonly kind: "whole"; readonly etag: string } | { readonly kind: "unchanged" };

const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Of the disk, or of what one user may have of it. */
const fullDisk: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Fetches. @throws Error if the file is incomplete; the part file then holds what came */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  const { place, access, part, etag, partEtag, signal } = options;
  const have = isStrong(partEtag) ? sizeOf(part) : 0;
  const conditions: Record<string, string> = {
    // Bytes as they lie there: a range of a compressed form would be of no use.
    "accept-encoding": "identity",
    ...(etag === "" ? {} : { "if-none-match": etag }),
    ...(have === 0 ? {} : { range: `bytes=${have}-`, "if-range": partEtag }),
  };
  const headers = await accessHeaders(place, "GET", access, conditions, emptyDigest);
  const response = await exchange({ ...place, method: "GET", headers, ca: access.ca, signal });
  const version = response.headers.etag ?? "";
  switch (response.statusCode ?? 0) {
    case 200:
      options.begin(version);
      await store(response, 0, options);
      return { kind: "whole", etag: version };
    case 206:
      await store(response, resumeAt(response, have), options);
      return { kind: "whole", etag: version === "" ? partEtag : version };
    case 304:
      response.resume();
      if (etag === "") {
        throw new Error(
          `Cannot GET ${place.url.host}: it answered 304, not modified, to a request for whatever is there`,
        );
      }
      return { kind: "unchanged" };
    case 416:
      // The part is as long as the whole, or longer: it is of no use.
      rmSync(part, { force: true });
      response.resume();
      throw new Error(`Cannot GET ${place.url.host}: the previous part does not match, the next attempt starts over`);
    default:
      throw new Error(
        `Cannot GET ${place.url.host}: it answered ${response.statusCode ?? 0} ${await readAnswer(response)}`.trimEnd(),
      );
  }
}

/** A weak ETag says that two files mean the same, not that their bytes can be joined. */
function isStrong(etag: string): boolean {
  return etag.startsWith('"');
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function resumeAt(response: IncomingMessage, have: number): number {
  const [, from] = /^bytes (\d{1,15})-/.exec(response.headers["content-range"] ?? "") ?? [];
  if (Number(from) !== have) {
    response.destroy();
    throw new Error("Cannot resume the download: the server sent a different range");
  }
  return have;
}

async function store(response: IncomingMessage, from: number, { part, maxSize, signal, place }: DownloadOptions) {
  const announced = Number(response.headers["content-length"] ?? Number.NaN);
  let size = from;
  const ceiling = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      done(size > maxSize ? new RangeError(`more than ${maxSize} bytes ([pull] max_size)`) : undefined, chunk);
    },
  });
  try {
    if (from + announced > maxSize) {
      throw new RangeError(`${from + announced} bytes ([pull] max_size is ${maxSize})`);
    }
    await pipeline(
      Readable.from(response, { objectMode: false }),
      ceiling,
      createWriteStream(part, { flags: from === 0 ? "w" : "a", mode: 0o600 }),
      { signal },
    );
    if (!Number.isNaN(announced) && size - from !== announced) {
      throw new Error(`it ended after ${size} bytes of ${from + announced}`);
    }
  } catch (error) {
    response.destroy();
    // What fills the disk cannot be gone on with, and would be in the way of everything else.
    const isFull = fullDisk.has(errorCode(error));
    if (error instanceof RangeError || isFull) {
      rmSync(part, { force: true });
    }
    if (isFull) {
      throw new Error(`Cannot write "${part}": ${errorMessage(error)}`, { cause: error });
    }
    const why = signal.aborted ? "it did not end in time" : errorMessage(error);
    throw new Error(`Cannot GET ${place.url.host}: ${why}`, { cause: error });
  }
}
