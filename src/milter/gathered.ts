/** The changes that a milter asks for: kept until its verdict, so that half of them are never made. A new body is spooled as it comes. */
import type { WholeEdits } from "../hooks/message.ts";
import type { Change } from "./answer.ts";

/** How many changes of a message there may be, and how many bytes in all; a body apart. */
const mostChanges = 10_000;
const mostBytes = 4_194_304;
/** Bytes of a new body. */
const longestBody = 268_435_456;

/** A change but for the body. */
export type SmallChange = Exclude<Change, { kind: "body" }>;

export class GatheredChanges {
  readonly changes: SmallChange[] = [];
  readonly #edits: Pick<WholeEdits, "replaceBody">;
  #bytes = 0;
  #body: BodyFeed | undefined;
  #spooled: Promise<void> | undefined;

  constructor(edits: Pick<WholeEdits, "replaceBody">) {
    this.#edits = edits;
  }

  /** Takes a change; a promise asks to wait. @throws Error if there are too many */
  take(change: Change): Promise<void> | undefined {
    if (change.kind === "body") {
      return this.#takeBody(change.piece);
    }
    this.#bytes += JSON.stringify(change).length;
    if (this.changes.length >= mostChanges || this.#bytes > mostBytes) {
      throw new Error("too many changes of one message");
    }
    this.changes.push(change);
    return undefined;
  }

  #takeBody(piece: Buffer): Promise<void> {
    if (this.#body === undefined) {
      this.#body = new BodyFeed();
      this.#spooled = this.#edits.replaceBody(this.#body.pieces());
      // Whoever waits for it hears of it.
      this.#spooled.catch(() => undefined);
    }
    return Promise.race([this.#body.push(piece), this.#spooled ?? Promise.resolve()]);
  }

  /** There are no more: the new body is spooled. @throws Error if it cannot be */
  async end(): Promise<void> {
    this.#body?.end(undefined);
    await this.#spooled;
  }

  /** None of them is to be made. */
  abandon(why: Error): void {
    this.#body?.end(why);
  }
}

/** Body pieces from whoever reads the connection to whoever spools them: one at a time. */
class BodyFeed {
  #piece: Buffer | undefined;
  #over = false;
  #why: Error | undefined;
  #size = 0;
  #changed = Promise.withResolvers<void>();

  /** Resolves when the piece is taken. */
  async push(piece: Buffer): Promise<void> {
    this.#size += piece.length;
    if (this.#size > longestBody) {
      throw new Error(`a body of more than ${longestBody} bytes`);
    }
    this.#piece = piece;
    this.#tell();
    while (this.#piece !== undefined && !this.#over) {
      await this.#changed.promise;
    }
  }

  end(why: Error | undefined): void {
    this.#over = true;
    this.#why = why;
    this.#tell();
  }

  async *pieces(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const piece = this.#piece;
      if (piece !== undefined) {
        this.#piece = undefined;
        this.#tell();
        yield piece;
      } else if (this.#why !== undefined) {
        throw this.#why;
      } else if (this.#over) {
        return;
      } else {
        await this.#changed.promise;
      }
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
