/**
 * Lists that web servers have, kept in a folder, where they are read like any other list: fetched by a timer and never
 * while a client waits, and still there when server and relay have been away. After http_config of qpsmtpd.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { IncomingMessage } from "node:http";

import { Cdb, emptyCdb } from "../files/cdb.ts";
import { decodeText } from "../files/list-reader.ts";
import { makeFolder } from "../files/make-folder.ts";
import { replaceFile } from "../files/replace.ts";
import { errorMessage } from "../report/error-message.ts";
import type { Log } from "../report/log.ts";
import { exchange } from "./request.ts";

/** What a list may have, as the reader takes it, and a map: each is in memory while it is fetched. */
const maxBytes = { list: 4 * 1024 * 1024, map: 64 * 1024 * 1024 };
/** Lists that are fetched, with those that they include. */
const maxNames = 200;

/** Where lists come from and where they are kept. */
export interface MirrorOptions {
  /** Each with the name of a list behind it; the first that has it counts. */
  readonly urls: readonly string[];
  readonly folder: string;
  /** PEM; undefined: the system's. */
  readonly authorities: string | undefined;
  /** ms: between two rounds, and of one request. */
  readonly interval: number;
  readonly timeout: number;
  readonly log: Log;
}

/** Of a list in the folder. */
interface Origin {
  /** "": of none, it was emptied. */
  readonly url: string;
  readonly etag: string;
}

/** What a server has of a list. */
type Found =
  | { readonly kind: "list"; readonly body: Buffer; readonly etag: string }
  | { readonly kind: "unchanged" | "empty" | "absent" };

export class ListMirror {
  readonly #options: MirrorOptions;
  readonly #names = new Set<string>();
  /** By URL: why it could not be asked. */
  readonly #complaints = new Map<string, string>();
  readonly #closed = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  /** A list that is looked for by its name. */
  readonly want = (name: string): void => {
    if (/^\w[\w.-]*$/.test(name) && this.#names.size < maxNames) {
      this.#names.add(name);
    }
  };

  /** Fetches by the timer, for the first time when those who want lists have said so. */
  start(): void {
    if (this.#options.urls.length > 0) {
      // It never rejects.
      this.#timer = setTimeout(() => void this.#round(), 0);
    }
  }

  close(): void {
    this.#closed.abort();
    clearTimeout(this.#timer);
  }

  async #round(): Promise<void> {
    const away = new Set<string>();
    // Lists that one includes are added on the way.
    for (const name of this.#names) {
      try {
        await this.#fetch(name, away);
      } catch (error) {
        this.#complain(this.#options.folder, errorMessage(error));
      }
      if (this.#closed.signal.aborted) {
        return;
      }
    }
    this.#timer = setTimeout(() => void this.#round(), this.#options.interval).unref();
  }

  /** @param away servers that did not answer in this round */
  async #fetch(name: string, away: Set<string>): Promise<void> {
    const kept = this.#kept(name);
    let isEmpty = false;
    for (const url of this.#options.urls) {
      const isKept = kept?.url === url;
      const found = away.has(url) ? undefined : await this.#ask(url, name, isKept ? kept.etag : "");
      if (found === undefined) {
        away.add(url);
        if (isKept) {
          return;
        }
        continue;
      }
      if (found.kind === "list") {
        if (!isKept || found.etag === "" || found.etag !== kept.etag) {
          this.#keep(name, found.body, { url, etag: found.etag });
        }
        return;
      }
      if (found.kind === "unchanged") {
        return;
      }
      isEmpty ||= found.kind === "empty";
    }
    if (isEmpty && kept !== undefined && kept.url !== "" && away.size === 0) {
      this.#keep(name, isMap(name) ? emptyCdb() : Buffer.alloc(0), { url: "", etag: "" });
    }
  }

  /** Undefined: it cannot tell. */
  async #ask(url: string, name: string, etag: string): Promise<Found | undefined> {
    const { timeout, authorities: ca } = this.#options;
    const signal = AbortSignal.any([AbortSignal.timeout(timeout), this.#closed.signal]);
    try {
      const headers = etag === "" ? {} : { "if-none-match": etag };
      const response = await exchange({ url: new URL(`${url}${name}`), method: "GET", headers, ca, signal });
      const found = await read(response, isMap(name));
      if (this.#complaints.delete(url)) {
        this.#options.log.info("lists", "server answers again", { url });
      }
      return found;
    } catch (error) {
      this.#complain(url, errorMessage(error));
      return undefined;
    }
  }

  #complain(place: string, why: string): void {
    if (this.#complaints.get(place) !== why && !this.#closed.signal.aborted) {
      this.#complaints.set(place, why);
      this.#options.log.warning("lists", "cannot be fetched, keeping the previous ones", { from: place, why });
    }
  }

  #kept(name: string): Origin | undefined {
    try {
      const origin: Partial<Origin> = JSON.parse(readFileSync(this.#path(`.${name}.json`), "utf8"));
      if (isMap(name)) {
        statSync(this.#path(name));
      } else {
        this.#include(decodeText(readFileSync(this.#path(name))));
      }
      return typeof origin.url === "string" && typeof origin.etag === "string"
        ? { url: origin.url, etag: origin.etag }
        : undefined;
    } catch {
      return undefined;
    }
  }

  #keep(name: string, body: Buffer, origin: Origin): void {
    const { folder, log } = this.#options;
    if (origin.etag === "" && this.#has(name, body)) {
      return;
    }
    makeFolder(folder, 0o700);
    replaceFile(this.#path(name), body, { mode: 0o600 });
    // Last: a list without it is fetched again.
    replaceFile(this.#path(`.${name}.json`), Buffer.from(JSON.stringify(origin)), { mode: 0o600 });
    if (!isMap(name)) {
      this.#include(decodeText(body));
    }
    log.info("lists", "fetched", { list: name, from: origin.url, bytes: body.length });
  }

  /** A server without ETags sends a list each time. */
  #has(name: string, body: Buffer): boolean {
    try {
      return readFileSync(this.#path(name)).equals(body);
    } catch {
      return false;
    }
  }

  #include(text: string): void {
    for (const [, name = ""] of text.matchAll(/^\s*\$include\s+(\S+)\s*$/gm)) {
      this.want(name);
    }
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }
}

function isMap(name: string): boolean {
  return name.endsWith(".cdb");
}

/** @throws Error if the answer says nothing of the list, or is only a part of a map */
async function read(response: IncomingMessage, map: boolean): Promise<Found> {
  const { statusCode: status = 0 } = response;
  if (status !== 200) {
    response.destroy();
    if (status === 304) {
      return { kind: "unchanged" };
    }
    if (status === 404 || status === 410) {
      return { kind: "absent" };
    }
    throw new Error(`status ${status}`);
  }
  const body = await bodyOf(response, map ? maxBytes.map : maxBytes.list);
  const isEmpty = map ? body.length === 0 || new Cdb(body).isEmpty : !/^\s*[^\s#]/m.test(body.toString("latin1"));
  return isEmpty ? { kind: "empty" } : { kind: "list", body, etag: response.headers.etag ?? "" };
}

/** @throws RangeError if there are more bytes */
async function bodyOf(response: IncomingMessage, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  const coming: AsyncIterable<Buffer> = response;
  for await (const piece of coming) {
    pieces.push(piece);
    size += piece.length;
    if (size > most) {
      throw new RangeError(`more than ${most} bytes`);
    }
  }
  return Buffer.concat(pieces);
}
