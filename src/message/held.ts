/** A message that is held: its header section with the changes so far, and its body. */
import { Unstuffer, WireWriter } from "./dots.ts";
import type { EditedHeader } from "./edit.ts";
import type { Spool, SpoolRoom } from "./spool.ts";

const emptyLine = Buffer.from("\r\n");

/** The changes of one check, which are carried out together. */
export interface BodyChange {
  /** The new body in wire form; undefined: the old one. */
  readonly replacement: Spool | undefined;
  /** Wire form. */
  readonly appended: readonly Buffer[];
}

export class HeldMessage {
  readonly #room: SpoolRoom;
  /** As received: the empty line and the body behind it; nothing if the message has neither. */
  readonly #spool: Spool;
  #body: Spool | undefined;
  #appended: Buffer[] = [];

  constructor(room: SpoolRoom, spool: Spool) {
    this.#room = room;
    this.#spool = spool;
  }

  /** Why it could not be held. */
  get fault(): Error | undefined {
    return this.#spool.fault;
  }

  /** Takes wire bytes behind the header section. False: wait for {@link drained}. */
  write(chunk: Buffer): boolean {
    return this.#spool.write(chunk);
  }

  drained(): Promise<void> {
    return this.#spool.drained();
  }

  /** Makes a new body ready. @throws if it cannot be held */
  async prepare(content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<Spool> {
    const spool = this.#room.again();
    try {
      await spool.writeAll(wireOf(content));
      return spool;
    } catch (error) {
      spool.close();
      throw error;
    }
  }

  /** Makes the changes of a check. */
  change({ replacement, appended }: BodyChange): void {
    if (replacement !== undefined) {
      this.#body?.close();
      this.#body = replacement;
      this.#appended = [];
    }
    this.#appended.push(...appended);
  }

  /** As received, without dot-stuffing. @param header the header section as received, in wire form */
  async *received(header: string): AsyncGenerator<Buffer, void, undefined> {
    yield* content([Buffer.from(header, "latin1")], this.#spool.read());
  }

  /** As it is now, without dot-stuffing. */
  async *content(header: EditedHeader): AsyncGenerator<Buffer, void, undefined> {
    yield* content(this.wire(header));
  }

  /** As it is now, in wire form. @param trace what the relay puts in front */
  async *wire(header: EditedHeader, trace = ""): AsyncGenerator<Buffer, void, undefined> {
    yield Buffer.from(header.wire(trace), "latin1");
    if (this.#body !== undefined) {
      yield emptyLine;
      yield* this.#body.read();
    } else {
      yield* this.#spool.read();
      if (this.#spool.size === 0 && this.#appended.length > 0) {
        yield emptyLine;
      }
    }
    yield* this.#appended;
  }

  close(): void {
    this.#spool.close();
    this.#body?.close();
    this.#appended = [];
  }
}

async function* wireOf(content: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const writer = new WireWriter();
  for await (const chunk of content) {
    yield writer.push(chunk);
  }
  yield writer.end();
}

async function* content(
  ...sources: readonly (AsyncIterable<Buffer> | Iterable<Buffer>)[]
): AsyncGenerator<Buffer, void, undefined> {
  const unstuffer = new Unstuffer();
  for (const source of sources) {
    for await (const chunk of source) {
      yield unstuffer.push(chunk);
    }
  }
}
