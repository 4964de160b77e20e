/** One client's connection to the embedded directory: messages cut from the stream, who is bound, what is answered. RFC 4511 4. */
import type { Socket } from "node:net";

import { BerFault, measure } from "./ber.ts";
import { UnsupportedFilter } from "./filter.ts";
import { codes, readBind, readRequest, readSearch, writeResult } from "./messages.ts";
import { answerSearch } from "./search.ts";
import type { Request, Result } from "./messages.ts";
import type { SearchContext } from "./search.ts";

/** Who may read. */
export interface Access {
  /** The one name that may bind, with its password. Without it every bind with a name fails. */
  readonly bindDn?: string;
  readonly password?: string;
  /**
   * What an anonymous search finds. Default: `refuse` (code 50) if there is a bindDn, else `read`. `empty` is success
   * without entries.
   */
  readonly anonymous?: "read" | "refuse" | "empty";
}

/** A larger message ends the connection. */
const maxMessage = 16 * 1024 * 1024;
/** Request tag → response tag, of what is known and not done. */
const unwilling: Readonly<Record<number, number>> = { 0x66: 0x67, 0x68: 0x69, 0x4a: 0x6b, 0x6c: 0x6d, 0x6e: 0x6f };
const operations = { bind: 0x60, unbind: 0x42, search: 0x63, abandon: 0x50, extended: 0x77 } as const;
const responses = { bind: 0x61, search: 0x65, extended: 0x78 } as const;

/** One connection: reads messages one after the other and answers each before the next. */
export class Connection {
  readonly #socket: Socket;
  readonly #context: SearchContext;
  readonly #access: Access;
  #boundAs = "";

  /** @param shared what all connections have in common */
  constructor(socket: Socket, shared: Omit<SearchContext, "boundAs">, access: Access) {
    this.#socket = socket;
    this.#access = access;
    const boundAs = (): string => this.#boundAs;
    this.#context = {
      ...shared,
      get boundAs() {
        return boundAs();
      },
    };
  }

  /** Serves until either side ends; an error of the server or of the client ends this connection alone. */
  async serve(): Promise<void> {
    try {
      for await (const message of readMessages(this.#socket)) {
        if (!(await this.#answer(readRequest(message)))) {
          break;
        }
      }
    } catch (fault) {
      if (fault instanceof BerFault && this.#socket.writable) {
        this.#socket.write(writeResult(0, responses.extended, { code: codes.protocolError, message: fault.message }));
      }
    }
    this.#socket.destroySoon();
  }

  /** False: the connection ends. */
  async #answer(request: Request): Promise<boolean> {
    const { id, operation } = request;
    switch (operation.tag) {
      case operations.bind:
        return this.#write(writeResult(id, responses.bind, this.#bind(request)));
      case operations.search:
        return this.#search(request);
      case operations.extended:
        return this.#write(
          writeResult(id, responses.extended, {
            code: codes.protocolError,
            message: "No extended operation is supported",
          }),
        );
      case operations.abandon:
        return true;
      case operations.unbind:
        return false;
      default: {
        const response = unwilling[operation.tag];
        if (response === undefined) {
          throw new BerFault(`The operation 0x${operation.tag.toString(16)} is unknown`);
        }
        return this.#write(
          writeResult(id, response, { code: codes.unwillingToPerform, message: "This directory is read-only" }),
        );
      }
    }
  }

  #bind({ operation }: Request): Result {
    const { version, dn, password } = readBind(operation);
    // A failed bind leaves the connection anonymous. RFC 4511 4.2.1.
    this.#boundAs = "";
    if (version !== 3) {
      return { code: codes.protocolError, message: "Only version 3 is spoken" };
    }
    if (password === undefined) {
      return { code: codes.authMethodNotSupported, message: "Only simple bind is supported" };
    }
    if (dn === "") {
      return { code: codes.success };
    }
    if (password === "") {
      // RFC 4513 5.1.2: a name without a password must not look like a login.
      return { code: codes.unwillingToPerform, message: "A bind with a name needs a password" };
    }
    const { bindDn } = this.#access;
    if (bindDn === undefined || dn.toLowerCase() !== bindDn.toLowerCase() || password !== this.#access.password) {
      return { code: codes.invalidCredentials };
    }
    this.#boundAs = dn;
    return { code: codes.success };
  }

  async #search({ id, operation, controls }: Request): Promise<boolean> {
    const done = (result: Result): Promise<boolean> => this.#write(writeResult(id, responses.search, result));
    let search;
    try {
      search = readSearch(operation);
    } catch (fault) {
      if (fault instanceof UnsupportedFilter) {
        return done({ code: codes.inappropriateMatching, message: fault.message });
      }
      throw fault;
    }
    const rootOnly = search.base === "" && search.scope === "base";
    const anonymous = this.#access.anonymous ?? (this.#access.bindDn === undefined ? "read" : "refuse");
    if (this.#boundAs === "" && anonymous !== "read" && !rootOnly) {
      return done(
        anonymous === "empty"
          ? { code: codes.success }
          : { code: codes.insufficientAccessRights, message: "Bind first" },
      );
    }
    const answer = answerSearch(id, search, controls, this.#context);
    for (const batch of joinMessages(answer.messages)) {
      if (!(await this.#write(batch))) {
        return false;
      }
    }
    if (answer.garbage !== undefined) {
      return this.#write(answer.garbage);
    }
    return answer.result === undefined ? answer.cut !== true : done(answer.result);
  }

  /** Writes and waits while the client reads too slowly; the idle time-out bounds that. False: the connection is gone. */
  async #write(message: Buffer): Promise<boolean> {
    const socket = this.#socket;
    if (!socket.writable) {
      return false;
    }
    if (!socket.write(message)) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          socket.off("drain", go).off("close", go);
          resolve();
        };
        socket.on("drain", go).on("close", go);
      });
    }
    return socket.writable;
  }
}

/** Some messages at a time, 64 KiB or little more: one write each would cost more than the search. */
function* joinMessages(messages: Iterable<Buffer>): Generator<Buffer> {
  let batch: Buffer[] = [];
  let size = 0;
  for (const message of messages) {
    batch.push(message);
    size += message.length;
    if (size >= 65_536) {
      yield Buffer.concat(batch);
      batch = [];
      size = 0;
    }
  }
  if (size > 0) {
    yield Buffer.concat(batch);
  }
}

/** Cuts the stream into messages. @throws BerFault on what is not a message or one too large */
async function* readMessages(socket: Socket): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let size = 0;
  let needed = 2;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    const piece = Buffer.from(chunk);
    chunks.push(piece);
    size += piece.length;
    while (size >= needed) {
      const data = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      chunks = [data];
      if (data[0] !== 0x30) {
        throw new BerFault("A message does not begin with a sequence");
      }
      const extent = measure(data);
      needed = extent?.end ?? size + 1;
      if (needed > maxMessage) {
        throw new BerFault("A message is too large");
      }
      if (extent !== undefined && size >= extent.end) {
        yield data.subarray(0, extent.end);
        chunks = [data.subarray(extent.end)];
        size -= extent.end;
        needed = 2;
      }
    }
  }
}
